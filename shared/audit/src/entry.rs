//! One entry.

use bespin_primitives::{ApiKeyId, AuditEntryId, RequestId, TenantId, Timestamp, UserId};
use bespin_table::{CorruptItem, Item, Row};
use serde_json::{Value, json};

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditActor {
    /// The operator of the platform, by the fingerprint of the key that was shown.
    Platform {
        /// The first eight hexadecimal digits of the key's SHA-256.
        key_fingerprint: String,
    },
    /// A user of the tenant.
    User(UserId),
    /// Somebody who showed nothing but an API key that is good for all users of the tenant.
    ApiKey(ApiKeyId),
    /// A payment provider, by an event that it signed.
    PaymentProvider(String),
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Its own id.
    pub id: AuditEntryId,
    /// Who made it.
    pub actor: AuditActor,
    /// What was done: `plan.update`, `api_key.revoke`, ...
    pub action: String,
    /// The tenant it concerns; none where it concerns all.
    pub tenant_id: Option<TenantId>,
    /// Which object: a plan id, an event key, the id of an API key. Empty where the tenant itself is meant.
    pub subject: String,
    /// The object before, as the API shows it; `null` where there was none.
    pub before: Value,
    /// The object after; `null` where it is gone.
    pub after: Value,
    /// The request that made it.
    pub request_id: RequestId,
    /// When.
    pub created_at: Timestamp,
}

impl AuditActor {
    /// In a few words, for records that tell who made them: the id of a user, or what stands for one.
    pub fn name(&self) -> String {
        match self {
            Self::Platform { key_fingerprint } => format!("platform:{key_fingerprint}"),
            Self::User(user_id) => user_id.to_string(),
            Self::ApiKey(key_id) => format!("api_key:{key_id}"),
            Self::PaymentProvider(name) => name.clone(),
        }
    }
}

impl AuditEntry {
    /// As the API shows it.
    pub fn view(&self) -> Value {
        let actor = match &self.actor {
            AuditActor::Platform { key_fingerprint } => json!({"kind": "platform", "key": key_fingerprint}),
            AuditActor::User(user_id) => json!({"kind": "user", "user_id": user_id}),
            AuditActor::ApiKey(key_id) => json!({"kind": "api_key", "key_id": key_id}),
            AuditActor::PaymentProvider(name) => json!({"kind": "payment_provider", "provider": name}),
        };
        json!({
            "id": self.id, "actor": actor, "action": self.action, "tenant_id": self.tenant_id,
            "subject": self.subject, "before": self.before, "after": self.after, "request_id": self.request_id,
            "created_at": self.created_at,
        })
    }
}

impl Row for AuditEntry {
    fn write(&self, item: &mut Item) {
        item.set("audit_id", &self.id);
        match &self.actor {
            AuditActor::Platform { key_fingerprint } => item.set("platform_key", key_fingerprint),
            AuditActor::User(user_id) => item.set("user_id", user_id),
            AuditActor::ApiKey(key_id) => item.set("api_key_id", key_id),
            AuditActor::PaymentProvider(name) => item.set("payment_provider", name),
        }
        item.set("action", &self.action);
        item.set_some("tenant_id", self.tenant_id.as_ref());
        item.set("subject", &self.subject);
        item.set("before", &self.before.to_string());
        item.set("after", &self.after.to_string());
        item.set("request_id", &self.request_id);
        item.set("created_at", &self.created_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let value = |name| {
            let text: String = item.get(name)?;
            serde_json::from_str(&text).map_err(|_| item.corrupt(name))
        };
        let actor = if let Some(user_id) = item.get_some("user_id")? {
            AuditActor::User(user_id)
        } else if let Some(key_id) = item.get_some("api_key_id")? {
            AuditActor::ApiKey(key_id)
        } else if let Some(name) = item.get_some("payment_provider")? {
            AuditActor::PaymentProvider(name)
        } else {
            AuditActor::Platform { key_fingerprint: item.get("platform_key")? }
        };
        Ok(Self {
            id: item.get("audit_id")?,
            actor,
            action: item.get("action")?,
            tenant_id: item.get_some("tenant_id")?,
            subject: item.get("subject")?,
            before: value("before")?,
            after: value("after")?,
            request_id: item.get("request_id")?,
            created_at: item.get("created_at")?,
        })
    }
}
