//! What an attempt means for its delivery and for the endpoint. Pure.

use bespin_primitives::{Random, Timestamp};

use crate::{
    Delivery, DeliveryState, DisabledReason, End, Health, Sent,
    schedule::{next_attempt, pause_until},
    sender::Reply,
};

/// The answer that says that an endpoint is gone for good.
const GONE: u16 = 410;

/// What an attempt means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Where the delivery stands now.
    pub(crate) state: DeliveryState,
    /// What is known of the endpoint now.
    pub(crate) endpoint: Finding,
}

/// What is known of an endpoint after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It works.
    Works,
    /// It fails, so many times in a row, and is left alone until then.
    Fails { failures: u32, paused_until: Timestamp },
    /// It is to be disabled.
    Hopeless(DisabledReason),
}

impl Verdict {
    /// Judges an attempt of `delivery` that ended at `ended`; `health` is what was known of the endpoint.
    pub(crate) fn of(
        delivery: &Delivery,
        health: Option<&Health>,
        sent: &Sent,
        ended: Timestamp,
        random: &dyn Random,
    ) -> Self {
        let (status, retry_after) = match &sent.outcome {
            Ok(Reply { status, retry_after, .. }) => (*status, *retry_after),
            Err(_) => (0, None),
        };
        let ended_as = |end| DeliveryState::Ended { end, at: ended };
        if (200..300).contains(&status) {
            return Self { state: ended_as(End::Delivered), endpoint: Finding::Works };
        }
        if status == GONE {
            let endpoint = Finding::Hopeless(DisabledReason::Gone);
            return Self { state: ended_as(End::Failed), endpoint };
        }
        let retry_after = retry_after.map(|asked| asked.seconds(ended));
        // A delivery that nobody takes must not hold up those that are taken: how long an endpoint is left alone goes by
        // its own failures since its last success, not by those of this delivery.
        let failures = health.map_or(1, |health| health.failures.saturating_add(1));
        let paused_until = pause_until(failures, retry_after, ended);
        let fails = Finding::Fails { failures, paused_until };
        match next_attempt(delivery.tried + 1, retry_after, ended, random) {
            Some(next_at) => Self { state: DeliveryState::Pending { next_at }, endpoint: fails },
            None if never_worked_since(delivery, health) => {
                let endpoint = Finding::Hopeless(DisabledReason::Failing);
                Self { state: ended_as(End::Failed), endpoint }
            }
            None => Self { state: ended_as(End::Failed), endpoint: fails },
        }
    }
}

/// Whether nothing reached the endpoint since the delivery failed for the first time.
fn never_worked_since(delivery: &Delivery, health: Option<&Health>) -> bool {
    match (delivery.failing_since, health) {
        (Some(since), Some(health)) => health.failing_since <= since,
        _ => false,
    }
}
