//! From credentials to the proof that every tenant-scoped read and write asks for.

use std::sync::Arc;

use bespin_primitives::{TenantId, UserId};
use bespin_table::Item;

use crate::{AccessError, Action, Role, StoredKey, Tenant, User};

/// What a request says about who sends it, as sent.
#[derive(Clone)]
pub struct Credentials {
    /// `X-Tenant-ID`.
    pub tenant_id: String,
    /// `X-User-ID`.
    pub user_id: String,
    /// `X-API-Key`.
    pub api_key: String,
}

/// What one batched read tells about a caller and its tenant.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) tenant: Tenant,
    pub(crate) key: StoredKey,
    pub(crate) user: User,
    pub(crate) limits: Option<Item>,
    pub(crate) subscription: Option<Item>,
}

/// A user whose tenant and key are proved, and who is not yet known to be allowed anything.
#[derive(Debug, Clone)]
pub struct Caller {
    profile: Arc<Profile>,
}

impl Caller {
    pub(crate) fn new(profile: Arc<Profile>) -> Self {
        Self { profile }
    }

    /// The proof that the caller's role allows `action`.
    pub fn authorise(self, action: Action) -> Result<TenantAccess, AccessError> {
        let role = self.profile.user.role;
        if action.is_allowed_to(role) {
            Ok(TenantAccess { profile: self.profile })
        } else {
            Err(AccessError::RoleNotAuthorised { role, action })
        }
    }
}

/// The proof that someone may act in a tenant. Only [`Caller::authorise`] makes one.
#[derive(Debug, Clone)]
pub struct TenantAccess {
    profile: Arc<Profile>,
}

impl TenantAccess {
    /// The tenant acted in.
    pub fn tenant_id(&self) -> TenantId {
        self.profile.tenant.id
    }

    /// The tenant acted in, with its name.
    pub fn tenant(&self) -> &Tenant {
        &self.profile.tenant
    }

    /// Who acts.
    pub fn user_id(&self) -> UserId {
        self.profile.user.id
    }

    /// In what role.
    pub fn role(&self) -> Role {
        self.profile.user.role
    }

    /// The row of the tenant's daily limits, at most five seconds old, for the entitlements to read.
    pub fn limits_row(&self) -> Option<&Item> {
        self.profile.limits.as_ref()
    }

    /// The row of the tenant's subscription, at most five seconds old, for the entitlements to read.
    pub fn subscription_row(&self) -> Option<&Item> {
        self.profile.subscription.as_ref()
    }
}
