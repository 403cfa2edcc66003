//! Making the table where no template does it: on the local cloud and in tests.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};

use crate::{Table, TableError, error::CallFailure};

impl Table {
    /// Makes the table if there is none: `pk`, `sk`, time to live in `expires_at`, billed by request.
    /// `infra/template.yaml` says the same for AWS.
    pub async fn create_if_absent(&self) -> Result<(), TableError> {
        if self.client().describe_table().table_name(self.name()).send().await.is_ok() {
            return Ok(());
        }
        let built = [("pk", KeyType::Hash), ("sk", KeyType::Range)].map(|(name, kind)| {
            let definition = AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build();
            let element = KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
            definition.and_then(|definition| element.map(|element| (definition, element)))
        });
        let [pk, sk] = built;
        let ((pk, hash), (sk, range)) = (
            pk.map_err(|e| TableError::Rejected(e.into()))?,
            sk.map_err(|e| TableError::Rejected(e.into()))?,
        );
        self.client()
            .create_table()
            .table_name(self.name())
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(vec![pk, sk]))
            .set_key_schema(Some(vec![hash, range]))
            .send()
            .await
            .map_err(|error| CallFailure::of(error).into_error())?;
        let ttl = TimeToLiveSpecification::builder().attribute_name("expires_at").enabled(true).build();
        self.client()
            .update_time_to_live()
            .table_name(self.name())
            .time_to_live_specification(ttl.map_err(|e| TableError::Rejected(e.into()))?)
            .send()
            .await
            .map_err(|error| CallFailure::of(error).into_error())?;
        Ok(())
    }
}
