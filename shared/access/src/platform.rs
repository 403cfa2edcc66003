//! The operator of the platform: who holds a platform admin key may look into every tenant (gateway.md 13).

use std::fmt;

use bespin_primitives::TenantId;
use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{AccessError, Action, Caller, TenantAccess};

/// The keys that open the platform admin API, kept as SHA-256. Without any, nobody is let in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PlatformKeys {
    hashes: Vec<[u8; 32]>,
}

impl PlatformKeys {
    /// The keys of a deployment: one in clear, and any number as SHA-256 in hexadecimal, separated by commas, so
    /// that a key can be replaced while the old one still opens. Empty texts are no key; `None` when a hash is not 64
    /// hexadecimal digits.
    pub fn parse(clear: &str, hashes: &str) -> Option<Self> {
        let of_clear = (!clear.is_empty()).then(|| Some(Sha256::digest(clear.as_bytes()).into()));
        let sent_hashed = hashes.split(',').map(str::trim).filter(|hash| !hash.is_empty()).map(|hash| {
            let bytes = HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).ok()?;
            <[u8; 32]>::try_from(bytes).ok()
        });
        of_clear.into_iter().chain(sent_hashed).collect::<Option<Vec<_>>>().map(|hashes| Self { hashes })
    }

    /// Whether nobody is let in.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The proof that `given` is one of the keys, in a time that does not tell how near it came.
    pub fn authorise(&self, given: &str) -> Option<PlatformAccess> {
        let given: [u8; 32] = Sha256::digest(given.as_bytes()).into();
        let matches = self.hashes.iter().fold(false, |found, hash| found | bool::from(hash.ct_eq(&given)));
        matches.then(|| PlatformAccess { key_fingerprint: HEXLOWER_PERMISSIVE.encode(&given[..4]) })
    }
}

impl fmt::Debug for PlatformKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlatformKeys({})", self.hashes.len())
    }
}

/// The proof that someone may act for the platform. Only [`PlatformKeys::authorise`] makes one.
#[derive(Debug, Clone)]
pub struct PlatformAccess {
    key_fingerprint: String,
}

impl OperatedTenant {
    /// A tenant that exists; see [`Tenants::paid`](crate::Tenants::paid).
    pub(crate) fn existing(tenant_id: TenantId) -> Self {
        Self { tenant_id }
    }
}

impl PlatformAccess {
    /// The first eight hexadecimal digits of the key's SHA-256: tells keys apart in the audit.
    pub fn key_fingerprint(&self) -> &str {
        &self.key_fingerprint
    }

    /// The proof that the operator may act on one tenant, whether or not there is such a tenant.
    pub fn over(&self, tenant_id: TenantId) -> OperatedTenant {
        OperatedTenant { tenant_id }
    }
}

/// A tenant, as the operator of the platform sees it. Only [`PlatformAccess::over`] makes one, and, for looking,
/// [`ConsoleAccess::over`](crate::ConsoleAccess::over).
#[derive(Debug, Clone)]
pub struct OperatedTenant {
    pub(crate) tenant_id: TenantId,
}

/// The proof that the platform's own work may touch one tenant: what a message of ours, from a queue of ours, is about.
/// Only [`crate::Access::serve`] makes one. Nobody acts in it, so it is good for no [`crate::Action`].
#[derive(Debug, Clone, Copy)]
pub struct ServedTenant {
    tenant_id: TenantId,
}

impl ServedTenant {
    pub(crate) fn new(tenant_id: TenantId) -> Self {
        Self { tenant_id }
    }
}

/// Somebody whose credentials are proved, and who is not yet known to be allowed anything.
#[derive(Debug, Clone)]
pub enum Sender {
    /// A user of a tenant.
    User(Caller),
    /// The operator of the platform.
    Operator(PlatformAccess),
}

impl Sender {
    /// The proof that the sender may do `action`: in its own tenant, or, as the operator, in any.
    pub fn authorise(self, action: Action) -> Result<Administrator, AccessError> {
        match self {
            Self::User(caller) => caller.authorise(action).map(Administrator::OfTenant),
            Self::Operator(operator) => Ok(Administrator::Operator(operator)),
        }
    }
}

/// Somebody who may administer a tenant. Only [`Sender::authorise`] makes one.
#[derive(Debug, Clone)]
pub enum Administrator {
    /// One of the tenant's own.
    OfTenant(TenantAccess),
    /// The operator, who has to say which tenant.
    Operator(PlatformAccess),
}

/// A tenant, as whoever administers it sees it.
#[derive(Debug, Clone)]
pub enum AdministeredTenant {
    /// The administrator's own.
    Own(TenantAccess),
    /// One that the operator named.
    Operated(OperatedTenant),
}

/// The proof that one tenant's rows may be read or written: of a caller in the tenant, of the operator, or of the
/// platform's own work.
pub trait TenantScope: sealed::Sealed + Sync {
    /// The tenant.
    fn tenant_id(&self) -> TenantId;
}

impl TenantScope for TenantAccess {
    fn tenant_id(&self) -> TenantId {
        Self::tenant_id(self)
    }
}

impl TenantScope for OperatedTenant {
    fn tenant_id(&self) -> TenantId {
        self.tenant_id
    }
}

impl TenantScope for ServedTenant {
    fn tenant_id(&self) -> TenantId {
        self.tenant_id
    }
}

impl TenantScope for AdministeredTenant {
    fn tenant_id(&self) -> TenantId {
        match self {
            Self::Own(access) => access.tenant_id(),
            Self::Operated(tenant) => tenant.tenant_id,
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ServedTenant {}
    impl Sealed for crate::TenantAccess {}
    impl Sealed for super::OperatedTenant {}
    impl Sealed for super::AdministeredTenant {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// SHA-256 of `second`.
    const SECOND: &str = "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4";

    #[test]
    fn each_of_several_keys_opens_and_nothing_else_does() {
        let keys = PlatformKeys::parse("first", &format!(" {SECOND}, ")).unwrap();

        assert!(keys.authorise("first").is_some());
        assert_eq!(keys.authorise("second").unwrap().key_fingerprint(), &SECOND[..8]);
        for stranger in ["", "third", SECOND, "first "] {
            assert!(keys.authorise(stranger).is_none(), "{stranger}");
        }
    }

    #[test]
    fn without_a_key_nobody_is_let_in_and_a_broken_hash_is_no_key() {
        assert!(PlatformKeys::default().authorise("").is_none());
        assert_eq!(PlatformKeys::parse("", ""), Some(PlatformKeys::default()));
        assert_eq!(PlatformKeys::parse("", "abc"), None);
        assert_eq!(PlatformKeys::parse("", &SECOND[..62]), None);
    }
}
