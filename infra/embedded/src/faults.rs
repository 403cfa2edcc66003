use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// Something that goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Another transaction holds the item; nothing was done. For transactions a
    /// `TransactionCanceledException` with the reason `TransactionConflict` on the first item, for writes
    /// of one item a `TransactionConflictException`. No other operation can meet it.
    Conflict,
    /// Too many calls; nothing was done. `ProvisionedThroughputExceededException`, or SQS `RequestThrottled`.
    Throttled,
    /// A batch call does all but its last entry and hands that one back: `UnprocessedItems`,
    /// `UnprocessedKeys`, or in SQS a failed entry that is not the sender's fault. Batch calls only.
    Unprocessed,
    /// The call is done, then the connection times out before the reply arrives.
    ReplyLost,
    /// The connection fails before the request leaves; nothing was done.
    NotSent,
    /// The service answers 500 and has done nothing.
    ServerError,
}

impl Fault {
    /// Whether a call of `operation` (`PutItem`, `SendMessageBatch`, ...) can meet this fault.
    pub fn applies_to(self, operation: &str) -> bool {
        match self {
            Self::Conflict => matches!(
                operation,
                "TransactWriteItems" | "TransactGetItems" | "PutItem" | "UpdateItem" | "DeleteItem"
            ),
            Self::Unprocessed => matches!(
                operation,
                "BatchGetItem"
                    | "BatchWriteItem"
                    | "SendMessageBatch"
                    | "DeleteMessageBatch"
                    | "ChangeMessageVisibilityBatch"
            ),
            Self::Throttled | Self::ReplyLost | Self::NotSent | Self::ServerError => true,
        }
    }
}

/// The plan of faults of a connector, and its count of calls. A clone is another handle to the same plan.
///
/// Every attempt that reaches the connector takes at most one fault: the next one planned for its operation,
/// or else one drawn at random. Retries of the SDK are attempts, too.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    plan: Arc<Mutex<Plan>>,
    sabotage: Arc<Mutex<Option<Sabotage>>>,
}

/// Changes the body of a call before the store sees it. It is handed the name of the operation.
#[derive(Clone)]
struct Sabotage(Arc<ChangeBody>);

type ChangeBody = dyn Fn(&str, &mut Value) + Send + Sync;

impl fmt::Debug for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sabotage(..)")
    }
}

#[derive(Debug, Default)]
struct Plan {
    planned: HashMap<String, VecDeque<Fault>>,
    random: Option<Random>,
    calls_until_stop: Option<u64>,
    calls: BTreeMap<String, u64>,
    met: HashMap<Fault, u64>,
}

#[derive(Debug)]
struct Random {
    state: u64,
    per_mille: u64,
    faults: Vec<Fault>,
}

/// What becomes of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    Faulted(Fault),
    /// The process counts as dead: nothing it does from here on has an effect.
    Stopped,
}

impl Faults {
    /// Plans `fault` for the next call of `operation`, after those already planned for it.
    ///
    /// # Panics
    /// If `operation` cannot meet `fault`: a test that waits for it would prove nothing.
    pub fn next(&self, operation: &str, fault: Fault) {
        self.times(operation, fault, 1);
    }

    /// Plans `fault` for the next `count` calls of `operation`, after those already planned for it.
    ///
    /// # Panics
    /// If `operation` cannot meet `fault`.
    pub fn times(&self, operation: &str, fault: Fault, count: usize) {
        assert!(fault.applies_to(operation), "{operation} cannot meet {fault:?}");
        let mut plan = self.lock();
        plan.planned.entry(operation.to_owned()).or_default().extend(std::iter::repeat_n(fault, count));
    }

    /// Lets each further call without a planned fault meet, with a chance of `per_mille` in 1,000, one of
    /// those of `faults` that its operation can meet. The same seed draws the same sequence.
    pub fn random(&self, seed: u64, per_mille: u16, faults: &[Fault]) {
        let per_mille = u64::from(per_mille);
        self.lock().random = Some(Random { state: seed, per_mille, faults: faults.to_vec() });
    }

    /// Lets `calls` more calls through, then fails every call until [`Faults::clear`], as if the process had
    /// died between two of them. The error is one that the SDK does not retry, so that death is quick.
    pub fn stop_after(&self, calls: u64) {
        self.lock().calls_until_stop = Some(calls);
    }

    /// Takes back every fault planned, drawn or stopped at. The counts of calls stay.
    pub fn clear(&self) {
        let mut plan = self.lock();
        let (calls, met) = (std::mem::take(&mut plan.calls), std::mem::take(&mut plan.met));
        *plan = Plan { calls, met, ..Plan::default() };
    }

    /// Lets `change` have its way with the body of every further call before the store sees it, as if the code that
    /// sent it were broken: a check that finds no sabotage would find no bug either. Stays through [`Faults::clear`].
    pub fn sabotage(&self, change: impl Fn(&str, &mut Value) + Send + Sync + 'static) {
        let mut sabotage = self.sabotage.lock().unwrap_or_else(PoisonError::into_inner);
        *sabotage = Some(Sabotage(Arc::new(change)));
    }

    /// The body as the store gets to see it.
    pub(crate) fn sabotaged<'b>(&self, operation: &str, body: &'b [u8]) -> Cow<'b, [u8]> {
        let sabotage = self.sabotage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(Sabotage(change)) = sabotage else { return Cow::Borrowed(body) };
        let Ok(mut value) = serde_json::from_slice(body) else { return Cow::Borrowed(body) };
        change(operation, &mut value);
        Cow::Owned(value.to_string().into_bytes())
    }

    /// Attempts of `operation` that reached the connector so far, those that met a fault included.
    pub fn calls(&self, operation: &str) -> u64 {
        self.lock().calls.get(operation).copied().unwrap_or_default()
    }

    /// Attempts of any operation so far. A test of crashes runs once to learn how many calls a request makes,
    /// then stops after each of them in turn.
    pub fn total_calls(&self) -> u64 {
        self.lock().calls.values().sum()
    }

    /// How often each fault was met so far, planned or drawn.
    pub fn met(&self) -> HashMap<Fault, u64> {
        self.lock().met.clone()
    }

    /// Planned faults that no call has met yet; zero at the end of a test shows that all of them happened.
    pub fn pending(&self) -> usize {
        self.lock().planned.values().map(VecDeque::len).sum()
    }

    /// Counts an attempt and decides what becomes of it.
    pub(crate) fn meet(&self, operation: &str) -> Fate {
        let mut plan = self.lock();
        *plan.calls.entry(operation.to_owned()).or_default() += 1;
        match plan.calls_until_stop.as_mut() {
            Some(0) => return Fate::Stopped,
            Some(left) => *left -= 1,
            None => {}
        }
        let planned = plan.planned.get_mut(operation).and_then(VecDeque::pop_front);
        let fault = planned.or_else(|| plan.random.as_mut().and_then(|random| random.draw(operation)));
        if let Some(fault) = fault {
            *plan.met.entry(fault).or_default() += 1;
        }
        fault.map_or(Fate::Answered, Fate::Faulted)
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Random {
    /// Takes two numbers for every call, so that what one call draws does not depend on the others' names.
    fn draw(&mut self, operation: &str) -> Option<Fault> {
        let (chance, choice) = (self.number(), self.number());
        let fitting: Vec<Fault> = self.faults.iter().copied().filter(|f| f.applies_to(operation)).collect();
        if chance % 1000 >= self.per_mille || fitting.is_empty() {
            return None;
        }
        let index = choice % fitting.len() as u64;
        usize::try_from(index).ok().and_then(|index| fitting.get(index).copied())
    }

    /// SplitMix64: small, and good enough to shuffle faults.
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planned_faults_come_in_order_and_only_to_their_operation() {
        let faults = Faults::default();
        faults.next("PutItem", Fault::Throttled);
        faults.next("PutItem", Fault::ReplyLost);

        assert_eq!(faults.meet("GetItem"), Fate::Answered);
        assert_eq!(faults.meet("PutItem"), Fate::Faulted(Fault::Throttled));
        assert_eq!(faults.meet("PutItem"), Fate::Faulted(Fault::ReplyLost));
        assert_eq!(faults.meet("PutItem"), Fate::Answered);
        assert_eq!((faults.calls("PutItem"), faults.total_calls(), faults.pending()), (3, 4, 0));
    }

    #[test]
    fn one_seed_draws_one_sequence_at_about_the_rate_asked_for() {
        let run = |seed| {
            let faults = Faults::default();
            faults.random(seed, 250, &[Fault::Conflict, Fault::Throttled]);
            (0..2000).map(|_| faults.meet("Query")).collect::<Vec<_>>()
        };

        let drawn = run(7);
        let met = drawn.iter().filter(|fate| **fate == Fate::Faulted(Fault::Throttled)).count();

        assert_eq!(drawn, run(7));
        assert_ne!(drawn, run(8));
        assert!((400..600).contains(&met), "{met} of 2000");
        assert!(!drawn.contains(&Fate::Faulted(Fault::Conflict)), "a query cannot conflict");
    }

    #[test]
    fn after_the_stop_nothing_goes_through_until_cleared() {
        let faults = Faults::default();
        faults.stop_after(1);

        assert_eq!(faults.meet("GetItem"), Fate::Answered);
        assert_eq!(faults.meet("PutItem"), Fate::Stopped);
        assert_eq!(faults.meet("PutItem"), Fate::Stopped);

        faults.clear();
        assert_eq!(faults.meet("PutItem"), Fate::Answered);
        assert_eq!(faults.calls("PutItem"), 3);
    }
}
