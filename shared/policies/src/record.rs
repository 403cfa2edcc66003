//! Policies as they are stored and shown.

use std::collections::BTreeMap;

use bespin_access::TenantScope;
use bespin_primitives::{Micros, TenantId, Timestamp};
use bespin_table::{CorruptItem, Item, Key, Row, keys};
use serde_json::{Map, Value, json};

use crate::{Budget, BudgetWindow, Dimension, Project, Quotas};

/// What every policy has beside its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The project it holds in.
    pub project: Project,
    /// For people.
    pub notes: Option<String>,
    /// Who set it last.
    pub created_by: String,
    /// Whether it holds. One that does not is kept, and holds again when it is set again.
    pub active: bool,
    /// When it was set first.
    pub created_at: Timestamp,
    /// When it was set last.
    pub updated_at: Timestamp,
    pub(crate) version: u64,
}

/// What one kind of user may do in one bundle, or in all of them where the bundle is `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaPolicy {
    /// The kind of user: `free`, `paid`, ...
    pub user_type: String,
    /// The bundle.
    pub bundle_id: String,
    /// The limits; none is no limit.
    pub quotas: Quotas,
    /// Everything else.
    pub origin: Origin,
}

/// What one provider may cost in one bundle, or in all of them together where the bundle is `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetPolicy {
    /// The bundle.
    pub bundle_id: String,
    /// The provider: `anthropic`, `openai`, ...
    pub provider: String,
    /// The ceilings; none is no limit.
    pub budget: Budget,
}

/// A budget policy as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBudget {
    /// What it says.
    pub policy: BudgetPolicy,
    /// Everything else.
    pub origin: Origin,
}

/// The budgets of one bundle that hold, by their providers. What a turn reads instead of the policies themselves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ceilings {
    pub(crate) of_provider: BTreeMap<String, Budget>,
    pub(crate) version: u64,
}

impl QuotaPolicy {
    /// Where it stands.
    pub fn row(&self, tenant_id: TenantId) -> Key {
        keys::quota_policy(tenant_id, self.origin.project.as_str(), &self.user_type, &self.bundle_id)
    }

    /// As the API shows it.
    pub fn view(&self, tenant: &impl TenantScope) -> Value {
        let mut view = json!({
            "tenant": tenant.tenant_id(), "project": self.origin.project.as_str(), "user_type": self.user_type,
            "bundle_id": self.bundle_id,
        });
        with(&mut view, quotas_view(&self.quotas));
        with(&mut view, self.origin.view());
        view
    }
}

impl StoredBudget {
    /// Where it stands.
    pub fn row(&self, tenant_id: TenantId) -> Key {
        let Self { policy, origin } = self;
        keys::budget_policy(tenant_id, origin.project.as_str(), &policy.bundle_id, &policy.provider)
    }

    /// As the API shows it.
    pub fn view(&self, tenant: &impl TenantScope) -> Value {
        let mut view = json!({
            "tenant": tenant.tenant_id(), "project": self.origin.project.as_str(),
            "bundle_id": self.policy.bundle_id, "provider": self.policy.provider,
        });
        with(&mut view, budget_view(&self.policy.budget));
        with(&mut view, self.origin.view());
        view
    }
}

impl Origin {
    fn view(&self) -> Value {
        json!({
            "notes": self.notes, "created_by": self.created_by, "active": self.active, "created_at": self.created_at,
            "updated_at": self.updated_at,
        })
    }

    fn write(&self, item: &mut Item) {
        item.set("project", &self.project.as_str().to_owned());
        item.set_some("notes", self.notes.as_ref());
        item.set("created_by", &self.created_by);
        item.set("active", &self.active);
        item.set("created_at", &self.created_at);
        item.set("updated_at", &self.updated_at);
        item.set("version", &self.version);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        Ok(Self {
            project: Project::parse(&item.get::<String>("project")?)
                .ok_or_else(|| item.corrupt("project"))?,
            notes: item.get_some("notes")?,
            created_by: item.get("created_by")?,
            active: item.get("active")?,
            created_at: item.get("created_at")?,
            updated_at: item.get("updated_at")?,
            version: item.get("version")?,
        })
    }
}

/// The seven numbers by their names; `null` where there is none.
pub fn quotas_view(quotas: &Quotas) -> Value {
    let member = |dimension: Dimension| (dimension.name().to_owned(), json!(quotas.get(dimension)));
    Value::Object(Dimension::ALL.into_iter().map(member).collect::<Map<_, _>>())
}

/// The three ceilings by their names, in dollars; `null` where there is none.
pub fn budget_view(budget: &Budget) -> Value {
    let member = |window: BudgetWindow| (window.limit_name().to_owned(), json!(budget.get(window)));
    Value::Object(BudgetWindow::ALL.into_iter().map(member).collect::<Map<_, _>>())
}

fn with(view: &mut Value, more: Value) {
    if let (Some(members), Value::Object(more)) = (view.as_object_mut(), more) {
        members.extend(more);
    }
}

/// Puts the numbers that there are into a row.
pub fn write_quotas(item: &mut Item, quotas: &Quotas) {
    for dimension in Dimension::ALL {
        item.set_some(dimension.name(), quotas.get(dimension).as_ref());
    }
}

/// Reads back what [`write_quotas`] put there.
pub fn read_quotas(item: &Item) -> Result<Quotas, CorruptItem> {
    let mut quotas = Quotas::default();
    for dimension in Dimension::ALL {
        quotas = quotas.with(dimension, item.get_some(dimension.name())?);
    }
    Ok(quotas)
}

impl Row for QuotaPolicy {
    fn write(&self, item: &mut Item) {
        item.set("user_type", &self.user_type);
        item.set("bundle_id", &self.bundle_id);
        write_quotas(item, &self.quotas);
        self.origin.write(item);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        Ok(Self {
            user_type: item.get("user_type")?,
            bundle_id: item.get("bundle_id")?,
            quotas: read_quotas(item)?,
            origin: Origin::read(item)?,
        })
    }
}

impl Row for StoredBudget {
    fn write(&self, item: &mut Item) {
        let Self { policy, origin } = self;
        item.set("bundle_id", &policy.bundle_id);
        item.set("provider", &policy.provider);
        for window in BudgetWindow::ALL {
            item.set_some(window.limit_name(), policy.budget.get(window).as_ref());
        }
        origin.write(item);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let mut budget = Budget::default();
        for window in BudgetWindow::ALL {
            budget = budget.with(window, item.get_some::<Micros>(window.limit_name())?);
        }
        let policy =
            BudgetPolicy { bundle_id: item.get("bundle_id")?, provider: item.get("provider")?, budget };
        Ok(Self { policy, origin: Origin::read(item)? })
    }
}

impl Row for Ceilings {
    fn write(&self, item: &mut Item) {
        let millionths =
            |budget: &Budget| BudgetWindow::ALL.map(|window| budget.get(window).map(Micros::get));
        let plain: BTreeMap<&String, _> =
            self.of_provider.iter().map(|(provider, budget)| (provider, millionths(budget))).collect();
        // Plain data always have a JSON text.
        item.set("ceilings", &serde_json::to_string(&plain).unwrap_or_default());
        item.set("version", &self.version);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let text: String = item.get("ceilings")?;
        let plain: BTreeMap<String, [Option<u64>; 3]> =
            serde_json::from_str(&text).map_err(|_| item.corrupt("ceilings"))?;
        let budget = |millionths: [Option<u64>; 3]| {
            let windows = BudgetWindow::ALL.into_iter().zip(millionths);
            windows
                .fold(Budget::default(), |budget, (window, most)| budget.with(window, most.map(Micros::new)))
        };
        let of_provider = plain.into_iter().map(|(provider, most)| (provider, budget(most))).collect();
        Ok(Self { of_provider, version: item.get("version")? })
    }
}
