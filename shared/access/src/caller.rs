//! From credentials to the proof that every tenant-scoped read and write asks for.

use std::sync::Arc;

use bespin_primitives::{ApiKeyId, TenantId, UserId};
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
    /// The key that was shown; none where an admin acts in what it ordered before.
    pub(crate) key: Option<StoredKey>,
    /// Who acts: the user that was named, or the one a key is bound to. Of a key that is good for all users and was shown
    /// without naming one, the tenant's first admin.
    pub(crate) user: User,
    /// Whether no user was named: the key was all that was shown.
    pub(crate) by_key_alone: bool,
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

    /// Who acts, with when it was made.
    pub fn user(&self) -> &User {
        &self.profile.user
    }

    /// In what role.
    pub fn role(&self) -> Role {
        self.profile.user.role
    }

    /// The key that was shown, where it was shown without a user and is good for all of the tenant: then nobody knows
    /// which of them acts.
    pub fn shared_key(&self) -> Option<ApiKeyId> {
        let key =
            self.profile.key.as_ref().filter(|key| self.profile.by_key_alone && key.user_id.is_none())?;
        Some(key.id)
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
