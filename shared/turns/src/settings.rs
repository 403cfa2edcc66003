//! What becomes of what turns hold when their time is over, where the turn itself does not say.

use bespin_access::{TenantAccess, TenantScope};
use bespin_audit::{Author, Changed};
use bespin_table::{CommitError, Condition, Item, TableError, Transaction, keys};
use serde_json::json;

use crate::{AtExpiry, Turns, rows::ATTEMPTS};

const AT_EXPIRY: &str = "at_expiry";

impl Turns {
    /// What becomes of what turns hold when their time is over, where the turn itself does not say. One round trip.
    pub async fn at_expiry(&self, tenant: &impl TenantScope) -> Result<AtExpiry, TableError> {
        at_expiry_of(self.table.get(keys::turn_settings(tenant.tenant_id())).await?.as_ref())
    }

    /// Sets that, with an audit entry. Turns that run keep what they began with.
    pub async fn set_at_expiry(
        &self,
        author: &Author<'_>,
        access: &TenantAccess,
        at_expiry: AtExpiry,
    ) -> Result<(), TableError> {
        let tenant_id = access.tenant_id();
        let key = keys::turn_settings(tenant_id);
        let mut row = self.table.get(key.clone()).await?;
        for _ in 0..ATTEMPTS {
            let unchanged = match &row {
                None => Condition::absent(),
                Some(row) => Condition::present().and_equals(AT_EXPIRY, &row.get::<String>(AT_EXPIRY)?),
            };
            let before = at_expiry_of(row.as_ref())?;
            let mut transaction = Transaction::new();
            let next = Item::new(key.clone()).with(AT_EXPIRY, &at_expiry.name().to_owned());
            let slot = transaction.put(next, unchanged);
            author.post(
                &mut transaction,
                Changed {
                    action: "turn_settings.set",
                    tenant_id: Some(tenant_id),
                    subject: String::new(),
                    before: json!({AT_EXPIRY: before.name()}),
                    after: json!({AT_EXPIRY: at_expiry.name()}),
                },
            );
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Refused(refusals)) => row = refusals.old(slot).cloned(),
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }
}

pub(crate) fn at_expiry_of(settings: Option<&Item>) -> Result<AtExpiry, TableError> {
    let Some(settings) = settings else { return Ok(AtExpiry::default()) };
    let name: String = settings.get(AT_EXPIRY)?;
    Ok(AtExpiry::parse(&name).ok_or_else(|| settings.corrupt(AT_EXPIRY))?)
}
