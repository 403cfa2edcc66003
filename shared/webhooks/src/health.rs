//! That an endpoint fails. While it does, one delivery at a time probes it, after growing pauses, and all others are put
//! off without being tried: a dead endpoint costs one attempt a pause, however much it was sent.

use bespin_primitives::Timestamp;
use bespin_table::{Change, Condition, CorruptItem, Item};
use serde_json::{Value, json};

/// The failures of an endpoint since its last success. There is no row while it does not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// When the first of them was known.
    pub failing_since: Timestamp,
    /// How many there were one after the other, not counting those that were under way at the same time.
    pub failures: u32,
    /// Until when nobody tries.
    pub paused_until: Timestamp,
    /// Until when the one who probes has it for itself.
    pub probed_until: Option<Timestamp>,
}

impl Health {
    /// Until when a delivery must wait that is due at `now`; `None` where it may probe.
    pub fn bars_until(&self, now: Timestamp) -> Option<Timestamp> {
        let paused = (now < self.paused_until).then_some(self.paused_until);
        // A probe takes seconds; its hold ends much later, in case it dies.
        let is_probed = self.probed_until.is_some_and(|until| now < until);
        paused.or_else(|| is_probed.then(|| now.plus_seconds(PROBE_SECONDS)))
    }

    /// As the API shows it.
    pub fn view(health: Option<&Self>) -> Value {
        json!({
            "failing_since": health.map(|health| health.failing_since),
            "paused_until": health.map(|health| health.paused_until),
        })
    }

    /// The change by which a delivery becomes the one that probes, and its condition.
    pub(crate) fn probe(now: Timestamp, until: Timestamp) -> (Change, Condition) {
        let free = Condition::present().and_at_most("paused_until", &now).and_at_most(PROBED_UNTIL, &now);
        (Change::default().set(PROBED_UNTIL, &until), free)
    }

    /// The change by which a failure is noted.
    pub(crate) fn fail(ended: Timestamp, failures: u32, paused_until: Timestamp) -> Change {
        Change::default()
            .set_once("failing_since", &ended)
            .set("failures", &failures)
            .set("paused_until", &paused_until)
            .remove(PROBED_UNTIL)
    }

    pub(crate) fn read(row: &Item) -> Result<Self, CorruptItem> {
        Ok(Self {
            failing_since: row.get("failing_since")?,
            failures: row.get("failures")?,
            paused_until: row.get("paused_until")?,
            probed_until: row.get_some(PROBED_UNTIL)?,
        })
    }
}

/// How long a probe takes: an attempt, and writing down what came of it.
const PROBE_SECONDS: i64 = 15;

const PROBED_UNTIL: &str = "probed_until";
