//! Counting: one row for each call.

use std::sync::Arc;

use bespin_access::ConsoleKey;
use bespin_local::{Console, LocalSettings};
use bespin_primitives::SeededRandom;
use bespin_table::counted;
use bespin_testing::StoppedClock;
use bespin_tests::{Actor, CONSOLE_KEY, Cost, Reply, Request, World, noon};

/// The calls of SQS that the product makes. What hands messages to its functions makes others.
const QUEUE_CALLS: [&str; 3] = ["SendMessage", "SendMessageBatch", "GetQueueAttributes"];

/// What Lambda asks of a queue for one batch of messages that it hands to a function: to receive it, and to delete it.
const REQUESTS_OF_A_BATCH: u64 = 2;

/// What one call takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Routes, as the document has them, or a job.
    pub(crate) calls: Vec<String>,
    /// In which case.
    pub(crate) case: &'static str,
    pub(crate) round_trips: u32,
    /// The store reports units in halves.
    pub(crate) read_half_units: u64,
    pub(crate) write_half_units: u64,
    pub(crate) queue_requests: u64,
}

impl Row {
    /// A call that takes nothing.
    pub(crate) fn of(call: &str, case: &'static str) -> Self {
        let calls = vec![call.to_owned()];
        Self { calls, case, round_trips: 0, read_half_units: 0, write_half_units: 0, queue_requests: 0 }
    }

    fn is_free(&self) -> bool {
        *self == Self { calls: self.calls.clone(), ..Self::of("", self.case) }
    }
}

/// The rows of one function, counted in a world of its own, so that no other function's rows depend on what was done here.
pub(crate) struct Sheet {
    pub(crate) function: &'static str,
    pub(crate) rows: Vec<Row>,
    pub(crate) world: World,
    /// Of a tenant that no limit stops.
    pub(crate) admin: Actor,
}

impl Sheet {
    /// An empty sheet, and a process that forgets nothing for age: a slow machine must not make callers strangers.
    pub(crate) async fn of(function: &'static str) -> Self {
        let console = Console::Key(ConsoleKey::parse(CONSOLE_KEY).unwrap());
        let settings = LocalSettings { console, playground: true, ..World::settings() };
        // Ids say in which of sixteen partitions a tenant stands, and so how many pages a list of all has.
        let random = Arc::new(SeededRandom::new(1));
        let world = World::open_at(settings, Arc::new(StoppedClock::at(noon())), random).await;
        let admin = world.tenant().await;
        world.without_limits(&admin).await;
        Self { function, rows: Vec::new(), world, admin }
    }

    /// Counts a request that succeeds. The process knows the admin and the catalogue.
    pub(crate) async fn call(&mut self, case: &'static str, request: Request) -> Reply {
        let route = request.route().expect("a route of the product");
        // Whatever was changed last was forgotten; this brings it back.
        self.admin.get("/v1/billing/usage").send().await.expect(200);
        let before = Calls::of(&self.world);
        // An export reads on while its answer is under way, after the header that tells its cost.
        let (reply, mut cost) = counted(Box::pin(request.send())).await;
        assert!(reply.status < 400, "{route}, {case}: {}", reply.text);
        cost += reply.cost();
        self.count(&route, case, cost, &before, 0);
        reply
    }

    /// Counts requests that ask nothing of any store: one row for all of them.
    pub(crate) async fn free(&mut self, case: &'static str, requests: impl IntoIterator<Item = Request>) {
        let first = self.rows.len();
        for request in requests {
            self.call(case, request).await;
        }
        let rows = self.rows.split_off(first);
        for row in &rows {
            assert!(row.is_free(), "this is not free any more, and needs a row of its own: {row:?}");
        }
        let calls = rows.into_iter().flat_map(|row| row.calls).collect();
        self.rows.push(Row { calls, ..Row::of("", case) });
    }

    /// Counts a run of a job.
    pub(crate) async fn job<T>(&mut self, case: &'static str, work: impl Future<Output = T>) -> T {
        self.work(case, work, 0).await
    }

    /// Counts the work of one batch of messages, its way out of the queue included.
    pub(crate) async fn batch<T>(&mut self, case: &'static str, work: impl Future<Output = T>) -> T {
        self.work(case, work, REQUESTS_OF_A_BATCH).await
    }

    async fn work<T>(&mut self, case: &'static str, work: impl Future<Output = T>, requests: u64) -> T {
        let before = Calls::of(&self.world);
        let (done, cost) = counted(Box::pin(work)).await;
        self.count(self.function, case, cost, &before, requests);
        done
    }

    fn count(&mut self, call: &str, case: &'static str, cost: Cost, before: &Calls, more_requests: u64) {
        let after = Calls::of(&self.world);
        let sent = after.of_queues - before.of_queues;
        let unseen = after.all - before.all - sent - u64::from(cost.round_trips);
        assert_eq!((cost.cancelled, unseen), (0, 0), "{call}, {case}: refused by the store, and uncounted");
        self.rows.push(Row {
            round_trips: cost.round_trips,
            read_half_units: halves(cost.read_units),
            write_half_units: halves(cost.write_units),
            queue_requests: sent + more_requests,
            ..Row::of(call, case)
        });
    }
}

/// What reached the stores so far.
struct Calls {
    all: u64,
    of_queues: u64,
}

impl Calls {
    fn of(world: &World) -> Self {
        let of_queues = QUEUE_CALLS.iter().map(|call| world.faults().calls(call)).sum();
        Self { all: world.faults().total_calls(), of_queues }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "units are small multiples of a half"
)]
fn halves(units: f64) -> u64 {
    (units * 2.0).round() as u64
}
