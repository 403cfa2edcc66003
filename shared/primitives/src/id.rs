//! Every kind of id. An id of one kind cannot stand where another is asked for.

use std::fmt;

use uuid::Uuid;

use crate::Random;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new version 4 id.
            pub fn random(random: &dyn Random) -> Self {
                Self(random_uuid(random))
            }

            /// Reads the one spelling we ever give out: lower case, hyphenated, 36 characters. Any other
            /// text names nothing, so callers answer it as an unknown id.
            pub fn parse(text: &str) -> Option<Self> {
                parse_uuid(text).map(Self)
            }

            /// The sixteen bytes that the text spells.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }

            /// Reads what [`Self::to_bytes`] gave.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom(concat!("no ", stringify!($name))))
            }
        }
    )+};
}

ids! {
    /// A tenant: it owns the data.
    TenantId,
    /// A user: it acts in one tenant.
    UserId,
    /// One API key of a tenant; not the key itself.
    ApiKeyId,
    /// One answered request. Ledger entries carry the id of the request that caused them.
    RequestId,
    /// One KPI definition.
    KpiId,
    /// One brief.
    BriefId,
    /// One conversation of a user.
    ConversationId,
    /// One message of a conversation.
    MessageId,
    /// One ledger entry.
    EntryId,
    /// One lease: a part of a tenant's allowance that a process spends by itself.
    LeaseId,
    /// One entry of an audit log.
    AuditEntryId,
    /// One credit grant.
    GrantId,
    /// One turn of a user of the tenant's own product.
    TurnId,
    /// One secret of a webhook endpoint; not the secret itself.
    WebhookSecretId,
}

fn random_uuid(random: &dyn Random) -> Uuid {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

fn parse_uuid(text: &str) -> Option<Uuid> {
    let canonical = text.len() == 36 && !text.bytes().any(|b| b.is_ascii_uppercase());
    canonical.then(|| Uuid::try_parse(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    #[test]
    fn an_id_is_a_lower_case_version_4_uuid_and_reads_back() {
        let id = TenantId::random(&SeededRandom::new(7));

        assert_eq!(id.to_string().len(), 36);
        assert_eq!(&id.to_string()[14..15], "4");
        assert_eq!(TenantId::parse(&id.to_string()), Some(id));
        assert_eq!(serde_json::from_value::<TenantId>(serde_json::json!(id)).ok(), Some(id));
    }

    #[test]
    fn other_spellings_of_an_id_name_nothing() {
        let id = TenantId::random(&SeededRandom::new(7)).to_string();

        for spelling in
            [id.to_uppercase(), id.replace('-', ""), format!("{{{id}}}"), format!("{id} "), String::new()]
        {
            assert_eq!(TenantId::parse(&spelling), None, "{spelling}");
            assert!(serde_json::from_value::<TenantId>(serde_json::json!(spelling)).is_err(), "{spelling}");
        }
    }
}
