//! Two ways of doing something, measured in turns.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How often each way has its turn. Of an odd number the median is one of the measured ones.
const ROUNDS: usize = 7;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(400);

type Done = Pin<Box<dyn Future<Output = ()> + Send>>;
type DoneIn = Pin<Box<dyn Future<Output = Duration> + Send>>;

/// Something that is done again and again, each time with a number that it never had.
#[derive(Clone)]
pub(crate) struct Work {
    act: Arc<dyn Fn(u64) -> Done + Send + Sync>,
    next: Arc<AtomicU64>,
}

impl Work {
    pub(crate) fn new<F: Future<Output = ()> + Send + 'static>(
        act: impl Fn(u64) -> F + Send + Sync + 'static,
    ) -> Self {
        Self { act: Arc::new(move |number| Box::pin(act(number))), next: Arc::default() }
    }

    /// How often a second it is done by so many callers at once.
    pub(crate) async fn rate(&self, callers: usize, lasts: Duration) -> f64 {
        let begun = Instant::now();
        let callers = (0..callers).map(|_| {
            let work = self.clone();
            tokio::spawn(async move {
                let mut done = 0_u32;
                while begun.elapsed() < lasts {
                    (work.act)(work.next.fetch_add(1, Ordering::Relaxed)).await;
                    done += 1;
                }
                done
            })
        });
        let callers: Vec<_> = callers.collect();
        let mut done = 0;
        for caller in callers {
            done += caller.await.unwrap();
        }
        f64::from(done) / begun.elapsed().as_secs_f64()
    }
}

/// The rates of two ways, each the median of its turns, after one turn that does not count.
pub(crate) async fn rates(ours: &Work, floor: &Work, callers: usize) -> (f64, f64) {
    let mut measured = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let pair = (ours.rate(callers, TURN).await, floor.rate(callers, TURN).await);
        if round > 0 {
            measured.0.push(pair.0);
            measured.1.push(pair.1);
        }
    }
    (median(measured.0), median(measured.1))
}

/// Something that tells itself how long its part that counts took.
pub(crate) struct Task(Box<dyn Fn(u64) -> DoneIn + Send + Sync>);

impl Task {
    pub(crate) fn new<F: Future<Output = Duration> + Send + 'static>(
        act: impl Fn(u64) -> F + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(move |number| Box::pin(act(number))))
    }
}

/// How long two ways take, in milliseconds, each the median of so many tries, after one that does not count.
pub(crate) async fn times(ours: &Task, floor: &Task, tries: u64) -> (f64, f64) {
    let mut measured = (Vec::new(), Vec::new());
    for number in 0..=tries {
        let pair = ((ours.0)(number).await, (floor.0)(number).await);
        if number > 0 {
            measured.0.push(pair.0.as_secs_f64() * 1_000.0);
            measured.1.push(pair.1.as_secs_f64() * 1_000.0);
        }
    }
    (median(measured.0), median(measured.1))
}

/// How long it takes.
pub(crate) async fn timed<F: Future>(work: F) -> (F::Output, Duration) {
    let begun = Instant::now();
    let output = work.await;
    (output, begun.elapsed())
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
