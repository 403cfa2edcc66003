//! Answers that show a secret, kept under a client's key.

use bespin_access::{Pepper, Seal};
use bespin_primitives::{Fault, FaultKind, Random, TenantId, Timestamp};
use bespin_table::{Condition, Item, Key, Slot, TableError, Transaction, keys};

use crate::{
    Fingerprint, IdempotencyConflict,
    idempotency::{expiry, hash},
};

/// A client's key whose answer shows a secret that nothing else ever shows. The answer is kept sealed with a secret
/// made from the pepper and the key (see [`Seal`]), so it opens only for who sends that key again; the table knows
/// neither. Such a key must be hard to guess.
pub struct SealedClaim {
    row: Key,
    key: String,
    fingerprint: Fingerprint,
    seal: Seal,
}

/// A key that is too short to guard a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuessableKey;

impl SealedClaim {
    /// The shortest key that may guard a secret, in characters.
    pub const MIN_KEY_CHARACTERS: usize = 16;

    /// The claim of a key on one endpoint: of a tenant, or of nobody (a sign-up).
    pub fn new(
        tenant_id: Option<TenantId>,
        endpoint: &str,
        key: &str,
        fingerprint: Fingerprint,
        pepper: &Pepper,
    ) -> Result<Self, GuessableKey> {
        if key.chars().count() < Self::MIN_KEY_CHARACTERS {
            return Err(GuessableKey);
        }
        let hash = hash(endpoint, key);
        let row = match tenant_id {
            Some(tenant_id) => keys::idempotency(tenant_id, &hash),
            None => keys::signup_idempotency(&hash),
        };
        Ok(Self { row, key: key.to_owned(), fingerprint, seal: Seal::new(pepper, key) })
    }

    /// Where its record stands.
    pub fn row(&self) -> Key {
        self.row.clone()
    }

    /// Adds to `transaction` the record that keeps `answer` for seven days, unless the key is taken.
    pub fn keep(
        &self,
        transaction: &mut Transaction,
        answer: &str,
        random: &dyn Random,
        now: Timestamp,
    ) -> Slot {
        let record = Item::new(self.row())
            .with("fingerprint", &self.fingerprint.to_bytes())
            .with("sealed", &self.seal.seal(answer, random))
            .with("created_at", &now)
            .with("expires_at", &expiry(now).epoch_seconds());
        transaction.put(record, Condition::absent_or_expired(now))
    }

    /// The answer of the same request before, from its record; `None` where the record does not count any more.
    pub fn replay(&self, record: Option<&Item>, now: Timestamp) -> Result<Option<String>, ReplayError> {
        let Some(record) = record.filter(|record| !record.is_expired_at(now)) else { return Ok(None) };
        let fingerprint: Vec<u8> = record.get("fingerprint").map_err(TableError::from)?;
        if fingerprint != self.fingerprint.to_bytes() {
            return Err(IdempotencyConflict { key: self.key.clone() }.into());
        }
        let sealed: Vec<u8> = record.get("sealed").map_err(TableError::from)?;
        let answer = self.seal.open(&sealed).ok_or_else(|| TableError::from(record.corrupt("sealed")))?;
        Ok(Some(answer))
    }
}

/// Why a kept answer is not given.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The key was used with another body.
    #[error(transparent)]
    OtherBody(#[from] IdempotencyConflict),
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Fault for ReplayError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::OtherBody(error) => error.kind(),
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::OtherBody(error) => error.code(),
            Self::Table(error) => error.code(),
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::OtherBody(_) => None,
            Self::Table(error) => error.retry_after_seconds(),
        }
    }
}
