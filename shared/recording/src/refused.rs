//! What a process remembers of the charges it refused, so that refusing the same caller again costs nothing or next
//! to nothing. It refuses from memory and never admits from it: counters only grow within their month, so a charge
//! that did not fit on top of what was counted a moment ago does not fit now. Limits are not remembered here. The
//! admission brings them as they are, so a limit, plan or key that changed shows in the next call.

use std::sync::Arc;

use bespin_entitlements::Admission;
use bespin_metering::{MeteredEvent, Usage};
use bespin_primitives::{Cache, Clock, TenantId, Timestamp, cache};
use bespin_table::{Key, keys};

/// For how long a refusal is repeated from memory. What it tells of the use of others may be that old.
pub(crate) const REPEATED_SECONDS: i64 = 1;

/// How many refused charges, and how many unused keys, a process remembers.
const REMEMBERED: usize = 10_000;

/// The counters of a tenant's month, and the event.
type ChargedEvent = (Key, MeteredEvent);

#[derive(Debug)]
pub(crate) struct RefusedCharges {
    clock: Arc<dyn Clock>,
    /// What was counted when a charge was last refused. The next one like it is most likely refused, too, and the
    /// store bills a transaction it cancels: reading first costs less.
    charges: Cache<ChargedEvent, (Timestamp, Arc<Usage>)>,
    /// Idempotency keys that were not used yet when a charge under them was refused.
    unused: Cache<Key, Timestamp>,
}

fn charged_event(tenant_id: TenantId, admission: &Admission) -> ChargedEvent {
    (keys::usage(tenant_id, admission.at().period()), admission.charge().event)
}

impl RefusedCharges {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, charges: cache(REMEMBERED), unused: cache(REMEMBERED) }
    }

    /// Remembers a refusal, with the key it came under and leaves unused.
    pub(crate) fn note(
        &self,
        tenant_id: TenantId,
        admission: &Admission,
        usage: Usage,
        unused_key: Option<Key>,
    ) {
        let now = self.clock.now();
        self.charges.insert(charged_event(tenant_id, admission), (now, Arc::new(usage)));
        if let Some(key) = unused_key {
            self.unused.insert(key, now);
        }
    }

    /// Remembers that a key is not used yet.
    pub(crate) fn note_unused(&self, key: Key) {
        self.unused.insert(key, self.clock.now());
    }

    /// Forgets a refusal, because a charge like it was admitted, and that the key it came under was unused.
    pub(crate) fn forget(&self, tenant_id: TenantId, admission: &Admission, used_key: Option<&Key>) {
        self.charges.remove(&charged_event(tenant_id, admission));
        if let Some(key) = used_key {
            self.unused.remove(key);
        }
    }

    /// Whether the last charge like this one was refused, as far as this process knows.
    pub(crate) fn expects(&self, tenant_id: TenantId, admission: &Admission) -> bool {
        self.charges.get(&charged_event(tenant_id, admission)).is_some()
    }

    /// What was counted when a charge like this one was refused a moment ago.
    pub(crate) fn recent_usage(&self, tenant_id: TenantId, admission: &Admission) -> Option<Arc<Usage>> {
        let (seen_at, usage) = self.charges.get(&charged_event(tenant_id, admission))?;
        seen_at.is_fresh_at(self.clock.now(), REPEATED_SECONDS).then_some(usage)
    }

    /// Whether a key was unused a moment ago.
    pub(crate) fn is_unused(&self, key: &Key) -> bool {
        self.unused.get(key).is_some_and(|seen_at| seen_at.is_fresh_at(self.clock.now(), REPEATED_SECONDS))
    }
}
