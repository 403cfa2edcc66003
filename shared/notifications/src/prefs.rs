//! How a user wants to be notified.

use bespin_access::TenantAccess;
use bespin_primitives::Timestamp;
use bespin_table::{Change, CommitError, Condition, CorruptItem, Item, TableError, Transaction, keys};
use serde_json::{Value, json};

use crate::Notifications;

/// By what way notifications come. The contract knows one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeliveryMethod {
    /// In the outbox.
    #[default]
    InApp,
}

impl DeliveryMethod {
    /// All spellings.
    pub const NAMES: [&str; 1] = ["in_app"];

    /// The word in answers and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::InApp => "in_app",
        }
    }

    /// The method of this name.
    pub fn parse(name: &str) -> Option<Self> {
        (name == Self::InApp.name()).then_some(Self::InApp)
    }
}

/// How a user wants to be notified (gateway.md 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefs {
    /// Whether daily briefs are told.
    pub daily_brief_enabled: bool,
    /// By what way.
    pub delivery_method: DeliveryMethod,
}

impl Default for Prefs {
    /// Of a user who never saved any.
    fn default() -> Self {
        Self { daily_brief_enabled: true, delivery_method: DeliveryMethod::InApp }
    }
}

impl Prefs {
    /// As the API shows it.
    pub fn view(&self) -> Value {
        json!({
            "daily_brief_enabled": self.daily_brief_enabled, "delivery_method": self.delivery_method.name(),
        })
    }

    pub(crate) fn read(item: &Item) -> Result<Self, CorruptItem> {
        let method: String = item.get("delivery_method")?;
        Ok(Self {
            daily_brief_enabled: item.get(ENABLED)?,
            delivery_method: DeliveryMethod::parse(&method).ok_or_else(|| item.corrupt("delivery_method"))?,
        })
    }
}

/// Whether daily briefs are told: in the row of the preferences, and on the user's row in order of creation.
pub(crate) const ENABLED: &str = "daily_brief_enabled";
/// When preferences were saved for the first time, in the same two rows.
pub(crate) const SAVED_AT: &str = "prefs_saved_at";

impl Notifications {
    /// The caller's own preferences. One round trip.
    pub async fn prefs(&self, access: &TenantAccess) -> Result<Prefs, TableError> {
        let user = access.user();
        let key = keys::notification_prefs(access.tenant_id(), user.created_at, user.id);
        let saved = self.table.get(key).await?;
        Ok(saved.as_ref().map(Prefs::read).transpose()?.unwrap_or_default())
    }

    /// Replaces the caller's own preferences. One round trip.
    ///
    /// A run must tell users who never saved any from those who did without a look-up for each, so the user's row in
    /// order of creation says so, too, in the same transaction.
    pub async fn set_prefs(
        &self,
        access: &TenantAccess,
        prefs: Prefs,
        now: Timestamp,
    ) -> Result<(), TableError> {
        let (tenant_id, user) = (access.tenant_id(), access.user());
        let saved = || Change::default().set(ENABLED, &prefs.daily_brief_enabled).set_once(SAVED_AT, &now);
        let row = saved()
            .set("delivery_method", &prefs.delivery_method.name().to_owned())
            .set("user_id", &user.id)
            .set("updated_at", &now);
        let mut transaction = Transaction::new();
        let key = keys::notification_prefs(tenant_id, user.created_at, user.id);
        transaction.update(key, row, Condition::default());
        let key = keys::user_by_creation(tenant_id, user.created_at, user.id);
        transaction.update(key.clone(), saved(), Condition::present());
        match self.table.commit(transaction).await {
            Ok(()) => Ok(()),
            Err(CommitError::Table(error)) => Err(error),
            // Every user has that row from its first moment on.
            Err(CommitError::Refused(_)) => Err(Item::new(key).corrupt("user_id").into()),
        }
    }
}
