//! Posting entries, and reading what was posted.

use bespin_access::{Administrator, PlatformAccess, TenantAccess, TenantScope};
use bespin_primitives::{AuditEntryId, BillingPeriod, Random, RequestId, TenantId, Timestamp};
use bespin_table::{Condition, Cursor, Query, Range, Row, Table, TableError, Transaction, keys};
use serde_json::Value;

use crate::{AuditActor, AuditEntry};

/// What was done to which object.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// What was done: `plan.update`, `api_key.revoke`, ...
    pub action: &'static str,
    /// The tenant it concerns; none where it concerns all.
    pub tenant_id: Option<TenantId>,
    /// Which object; empty where the tenant itself is meant.
    pub subject: String,
    /// The object before, as the API shows it; `null` where there was none.
    pub before: Value,
    /// The object after; `null` where it is gone.
    pub after: Value,
}

/// Who changes something, in which request, when.
#[derive(Debug, Clone)]
pub struct Author<'a> {
    /// Who.
    pub actor: AuditActor,
    /// In which request.
    pub request_id: RequestId,
    /// When.
    pub now: Timestamp,
    /// Where the ids of entries come from.
    pub random: &'a dyn Random,
}

impl Author<'_> {
    /// Adds to `transaction` the entry of a change by this author; see [`post`].
    pub fn post(&self, transaction: &mut Transaction, changed: Changed) {
        post(transaction, self.actor.clone(), changed, self.request_id, self.now, self.random);
    }
}

/// Adds to `transaction` the entry of a change. A tenant's audit has everything that concerns it, the platform's has
/// everything its operator did; so a change of a tenant by the operator stands in both.
pub fn post(
    transaction: &mut Transaction,
    actor: AuditActor,
    changed: Changed,
    request_id: RequestId,
    now: Timestamp,
    random: &dyn Random,
) {
    let by_platform = matches!(actor, AuditActor::Platform { .. });
    let Changed { action, tenant_id, subject, before, after } = changed;
    let entry = AuditEntry {
        id: AuditEntryId::random(random),
        actor,
        action: action.to_owned(),
        tenant_id,
        subject,
        before,
        after,
        request_id,
        created_at: now,
    };
    if let Some(tenant_id) = tenant_id {
        transaction.put(entry.at(keys::tenant_audit_entry(tenant_id, now, entry.id)), Condition::absent());
    }
    if by_platform {
        transaction.put(entry.at(keys::platform_audit_entry(now, entry.id)), Condition::absent());
    }
}

impl From<&TenantAccess> for AuditActor {
    fn from(access: &TenantAccess) -> Self {
        access.shared_key().map_or_else(|| Self::User(access.user_id()), Self::ApiKey)
    }
}

impl From<&Administrator> for AuditActor {
    fn from(administrator: &Administrator) -> Self {
        match administrator {
            Administrator::OfTenant(access) => access.into(),
            Administrator::Operator(operator) => operator.into(),
        }
    }
}

impl From<&PlatformAccess> for AuditActor {
    fn from(access: &PlatformAccess) -> Self {
        Self::Platform { key_fingerprint: access.key_fingerprint().to_owned() }
    }
}

/// Whose audit is read.
#[derive(Debug, Clone)]
pub struct AuditScope {
    tenant_id: Option<TenantId>,
}

impl AuditScope {
    /// Everything that concerns one tenant.
    pub fn of_tenant(tenant: &impl TenantScope) -> Self {
        Self { tenant_id: Some(tenant.tenant_id()) }
    }

    /// Everything the operator did.
    pub fn of_platform(_: &PlatformAccess) -> Self {
        Self { tenant_id: None }
    }

    /// The rows of a month, for reading a cursor.
    pub fn range(&self, period: BillingPeriod) -> Range {
        match self.tenant_id {
            Some(tenant_id) => keys::tenant_audit(tenant_id, period),
            None => keys::platform_audit(period),
        }
    }
}

/// Reads of what was posted.
#[derive(Debug, Clone)]
pub struct Audit {
    table: Table,
}

impl Audit {
    /// Over `table`.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// A page of a month's entries, newest first, and where the next page starts.
    pub async fn entries(
        &self,
        scope: &AuditScope,
        period: BillingPeriod,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<AuditEntry>, Option<Cursor>), TableError> {
        let query = Query::of(scope.range(period)).newest_first().limit(limit).after(after);
        let page = self.table.query(query).await?;
        let entries = page.items.iter().map(AuditEntry::read).collect::<Result<_, _>>()?;
        Ok((entries, page.next))
    }
}
