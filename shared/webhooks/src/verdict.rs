//! What an attempt means for its delivery and for the endpoint. Pure.

use bespin_primitives::{Random, Timestamp};

use crate::{
    Delivery, DeliveryState, DisabledReason, End, Health, Sent,
    schedule::{MAX_ATTEMPTS, TRIED_FOR_SECONDS, next_attempt, pause_until},
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
    ///
    /// An endpoint is given up when it took nothing for as long as a delivery is tried, and failed as often in a row. The
    /// delivery that was tried for so long finds that out, or another one where many took turns.
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
        let next_at = next_attempt(delivery.tried + 1, retry_after, ended, random);
        let is_hopeless = failures >= MAX_ATTEMPTS
            && health.is_some_and(|health| health.failing_since.plus_seconds(TRIED_FOR_SECONDS) <= ended);
        let (state, endpoint) = match next_at {
            Some(_) if is_hopeless => (ended_as(End::Cancelled), Finding::Hopeless(DisabledReason::Failing)),
            Some(next_at) => (DeliveryState::Pending { next_at }, Finding::Fails { failures, paused_until }),
            None if is_hopeless => (ended_as(End::Failed), Finding::Hopeless(DisabledReason::Failing)),
            None => (ended_as(End::Failed), Finding::Fails { failures, paused_until }),
        };
        Self { state, endpoint }
    }
}
