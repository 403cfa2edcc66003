//! One grant.

use bespin_access::TenantScope;
use bespin_policies::{Dimension, EVERY_BUNDLE, Project, Quotas, read_quotas, write_quotas};
use bespin_primitives::{GrantId, Micros, Timestamp};
use bespin_table::{CorruptItem, Item, Row};
use serde_json::{Value, json};

/// The longest time for which something is granted, in days.
pub const MAX_DAYS: i64 = 36_500;

const SECONDS_A_DAY: i64 = 86_400;

/// Something that one user is granted on top of its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The project it holds in.
    pub project: Project,
    /// A user of the tenant's own product.
    pub user_id: String,
    /// The bundle it holds in, or `*` for all of them.
    pub bundle_id: String,
    /// What it adds; none adds nothing.
    pub additions: Quotas,
    /// From when on it adds nothing; none is never.
    pub expires_at: Option<Timestamp>,
    /// The payment it is for.
    pub purchase_id: Option<String>,
    /// What was paid, in dollars.
    pub purchase_amount: Option<Micros>,
    /// For people.
    pub notes: Option<String>,
    /// Whether nobody took it back.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was taken back, or made.
    pub updated_at: Timestamp,
}

/// A grant that shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantOrder {
    /// To which user.
    pub user_id: String,
    /// In which bundle, or `*`.
    pub bundle_id: String,
    /// What it adds.
    pub additions: Quotas,
    /// For how many days of 24 hours, at most [`MAX_DAYS`]; none is for ever.
    pub days: Option<i64>,
    /// The payment it is for.
    pub purchase_id: Option<String>,
    /// What was paid, in dollars.
    pub purchase_amount: Option<Micros>,
    /// For people.
    pub notes: Option<String>,
}

impl GrantOrder {
    /// The grant, as of `now`.
    pub(crate) fn issue(&self, id: GrantId, project: &Project, now: Timestamp) -> Grant {
        let Self { user_id, bundle_id, additions, days, purchase_id, purchase_amount, notes } = self.clone();
        Grant {
            id,
            project: project.clone(),
            user_id,
            bundle_id,
            additions,
            expires_at: days.map(|days| now.plus_seconds(days.saturating_mul(SECONDS_A_DAY))),
            purchase_id,
            purchase_amount,
            notes,
            active: true,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Whether what is granted until `expires_at` still holds. The end is exclusive.
pub(crate) fn holds_at(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_none_or(|end| now < end)
}

/// Whether what is granted in `scope` is granted in `bundle`, too.
pub(crate) fn covers(scope: &str, bundle: &str) -> bool {
    scope == EVERY_BUNDLE || scope == bundle
}

/// The name of what a grant adds in a dimension.
pub fn addition_name(dimension: Dimension) -> String {
    format!("additional_{}", dimension.name())
}

impl Grant {
    /// Whether it adds anything at `now` (control-plane.md 2.2).
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.active && holds_at(self.expires_at, now)
    }

    /// Whether its time is over at `now`.
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        !holds_at(self.expires_at, now)
    }

    /// How many whole days of 24 hours are left; `None` without an end.
    pub fn days_left_at(&self, now: Timestamp) -> Option<i64> {
        let end = self.expires_at?;
        Some((end.micros() - now.micros()).div_euclid(SECONDS_A_DAY * 1_000_000))
    }

    /// As the API shows it at `now`.
    pub fn view(&self, tenant: &impl TenantScope, now: Timestamp) -> Value {
        let mut view = json!({
            "grant_id": self.id, "tenant": tenant.tenant_id(), "project": self.project.as_str(),
            "user_id": self.user_id, "bundle_id": self.bundle_id,
        });
        for dimension in Dimension::ALL {
            view[addition_name(dimension)] = json!(self.additions.get(dimension));
        }
        view["expires_at"] = json!(self.expires_at);
        view["purchase_id"] = json!(self.purchase_id);
        view["purchase_amount_usd"] = json!(self.purchase_amount);
        view["purchase_notes"] = json!(self.notes);
        view["is_expired"] = json!(self.is_expired_at(now));
        view["is_active"] = json!(self.active);
        view["created_at"] = json!(self.created_at);
        view["updated_at"] = json!(self.updated_at);
        view
    }
}

impl Row for Grant {
    fn write(&self, item: &mut Item) {
        item.set("grant_id", &self.id);
        item.set("project", &self.project.as_str().to_owned());
        item.set("user_id", &self.user_id);
        item.set("bundle_id", &self.bundle_id);
        write_quotas(item, &self.additions);
        // Not the store's time to live: what is over is still told of.
        item.set_some("ends_at", self.expires_at.as_ref());
        item.set_some("purchase_id", self.purchase_id.as_ref());
        item.set_some("purchase_amount", self.purchase_amount.as_ref());
        item.set_some("notes", self.notes.as_ref());
        item.set("active", &self.active);
        item.set("created_at", &self.created_at);
        item.set("updated_at", &self.updated_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        Ok(Self {
            id: item.get("grant_id")?,
            project: Project::parse(&item.get::<String>("project")?)
                .ok_or_else(|| item.corrupt("project"))?,
            user_id: item.get("user_id")?,
            bundle_id: item.get("bundle_id")?,
            additions: read_quotas(item)?,
            expires_at: item.get_some("ends_at")?,
            purchase_id: item.get_some("purchase_id")?,
            purchase_amount: item.get_some("purchase_amount")?,
            notes: item.get_some("notes")?,
            active: item.get("active")?,
            created_at: item.get("created_at")?,
            updated_at: item.get("updated_at")?,
        })
    }
}
