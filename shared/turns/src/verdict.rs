//! What the limiter says (control-plane.md 5.1, 5.5).

use bespin_entitlements::Window;
use bespin_policies::{Dimension, Quotas};
use bespin_primitives::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    Snapshot, Tally,
    limits::{Allowed, COUNTED, limit},
};

/// Why a turn is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The limits that are used up, by their place in the contract's order.
    Quota([bool; 6]),
    /// As many turns run as may.
    Concurrency,
    /// More turns run than one subject can have, limited or not.
    TooMany,
}

impl Reason {
    /// The dimensions that are violated.
    pub fn violations(self) -> Vec<&'static str> {
        match self {
            Self::Concurrency => vec!["concurrency"],
            Self::TooMany => vec!["too_many_turns"],
            Self::Quota(violated) => {
                let all = COUNTED.iter().zip(violated).filter(|(_, violated)| *violated);
                all.map(|(dimension, _)| dimension.name()).collect()
            }
        }
    }

    /// As the contract words it: the names, joined.
    pub fn text(self) -> String {
        self.violations().join("|")
    }
}

/// What the limiter says of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Why it is refused; none where it is allowed.
    pub reason: Option<Reason>,
    /// What was counted before it.
    pub snapshot: Snapshot,
    /// What the user may do.
    pub allowed: Allowed,
    /// Whether it is allowed only because of what was granted.
    pub replenishment_needed: bool,
    /// What is left of each dimension that is limited, before it: the ceiling, what was counted, what was held.
    left: Vec<(Dimension, u64, u64, u64)>,
    now: Timestamp,
}

impl Verdict {
    pub(crate) fn of(
        tally: &Tally,
        allowed: Allowed,
        reason: Option<Reason>,
        replenishment_needed: bool,
        now: Timestamp,
    ) -> Self {
        let effective = allowed.effective();
        let left = Dimension::ALL.into_iter().filter_map(|dimension| {
            let (used, held) = tally.used(dimension, now);
            Some((dimension, effective.get(dimension)?, used, held))
        });
        let left = left.collect();
        Self { reason, snapshot: tally.snapshot(now), allowed, replenishment_needed, left, now }
    }

    /// The same, refused after all.
    #[must_use]
    pub(crate) fn refused(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// Whether the turn may run.
    pub fn is_allowed(&self) -> bool {
        self.reason.is_none()
    }

    fn remaining(&self, dimension: Dimension) -> Option<u64> {
        let found = self.left.iter().find(|(of, ..)| *of == dimension);
        found.map(|(_, ceiling, used, held)| ceiling.saturating_sub(used.saturating_add(*held)))
    }

    /// How long until what is violated starts again, and what that is: the longest wait counts.
    pub fn retry(&self) -> Option<(u64, &'static str)> {
        let Some(Reason::Quota(violated)) = self.reason else { return None };
        let effective = self.allowed.effective();
        let waits = COUNTED.into_iter().zip(violated).filter(|(_, violated)| *violated);
        let waits =
            waits.filter_map(|(dimension, _)| wait(limit(&effective, dimension, self.now)?.window, self.now));
        waits.max()
    }

    /// The fewest requests that are left by any limit on requests; none where none is limited.
    fn messages_remaining(&self) -> Option<u64> {
        let requests = [Dimension::RequestsPerDay, Dimension::RequestsPerMonth, Dimension::TotalRequests];
        requests.into_iter().filter_map(|dimension| self.remaining(dimension)).min()
    }

    /// As the API shows it; `lock_id` is what was asked with.
    pub fn view(&self, lock_id: &str) -> Value {
        let allowed = self.is_allowed();
        let granted = self.allowed.granted.is_some();
        let retry = self.retry();
        let effective = self.allowed.effective();
        json!({
            "allowed": allowed,
            "reason": self.reason.map(Reason::text),
            "lock_id": allowed.then_some(lock_id),
            "snapshot": self.snapshot.view(),
            "used_replenishment": granted,
            "replenishment_needed": self.replenishment_needed,
            "effective_policy": granted.then(|| quotas_view(&effective)),
            "retry_after_seconds": retry.map(|(seconds, _)| seconds),
            "limits": self.limits_view(),
            "insight": {
                "limits": quotas_view(&effective),
                "remaining": self.remaining_view(),
                "violations": self.reason.map(Reason::violations).unwrap_or_default(),
                "messages_remaining": self.messages_remaining(),
                "retry_after_sec": retry.map(|(seconds, _)| seconds),
                "retry_after_hours": retry.map(|(seconds, _)| hours(seconds)),
                "retry_scope": retry.map(|(_, scope)| scope),
                "used_replenishment": granted,
            },
        })
    }

    fn limits_view(&self) -> Value {
        let effective = self.allowed.effective();
        let of = |(dimension, ceiling, used, held): &(Dimension, u64, u64, u64)| {
            let resets_at =
                limit(&effective, *dimension, self.now).and_then(|limit| limit.window.resets_at());
            json!({
                "limit": dimension.name(), "ceiling": ceiling, "used": used, "held": held,
                "remaining": ceiling.saturating_sub(used.saturating_add(*held)), "resets_at": resets_at,
            })
        };
        self.left.iter().map(of).collect()
    }

    fn remaining_view(&self) -> Value {
        let remaining =
            COUNTED.map(|dimension| (dimension.name().to_owned(), json!(self.remaining(dimension))));
        Value::Object(remaining.into_iter().collect::<Map<_, _>>())
    }
}

/// All seven numbers by name.
pub(crate) fn quotas_view(quotas: &Quotas) -> Value {
    let all = Dimension::ALL.map(|dimension| (dimension.name().to_owned(), json!(quotas.get(dimension))));
    Value::Object(all.into_iter().collect::<Map<_, _>>())
}

/// Whole seconds from now to where a window starts again, and what clients call it.
pub(crate) fn wait(window: Window, now: Timestamp) -> Option<(u64, &'static str)> {
    let micros = window.resets_at()?.micros() - now.micros();
    let seconds = u64::try_from(micros).unwrap_or_default().div_ceil(1_000_000);
    let scope = match window {
        Window::Period(_) => "month",
        other => other.name(),
    };
    Some((seconds, scope))
}

/// Seconds as hours: whole ones as an integer.
pub(crate) fn hours(seconds: u64) -> Value {
    if seconds.is_multiple_of(3_600) {
        return json!(seconds / 3_600);
    }
    #[expect(clippy::cast_precision_loss, reason = "a month has fewer seconds than a float holds exactly")]
    let hours = seconds as f64 / 3_600.0;
    json!((hours * 100.0).round() / 100.0)
}
