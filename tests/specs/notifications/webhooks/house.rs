//! A process with the outbox queue, its dispatcher and a clock that these specifications move.

use std::{collections::HashMap, io, net::IpAddr, sync::Arc, sync::Mutex};

use aws_lambda_events::event::sqs::SqsEvent;
use aws_sdk_sqs::{Client, types::Message};
use axum::Router;
use bespin_edge::Deps;
use bespin_embedded::{Embedded, EmbeddedSqs, Faults, MillisClock, as_function};
use bespin_local::{RequestClock, of_function};
use bespin_primitives::{Clock, OsRandom, Timestamp};
use bespin_queue::sqs_client;
use bespin_table::{Query, keys};
use bespin_testing::StoppedClock;
use bespin_tests::{Actor, Reply, Request, World, noon};
use bespin_webhooks::{Guard, Resolve, Sender};
use futures::future::{BoxFuture, join_all};
use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::words::{DATE, members, run};

pub(crate) const WEBHOOK: &str = "/v1/notifications/webhook";
pub(crate) const DELIVERIES: &str = "/v1/notifications/webhook/deliveries";

/// Longer than the lease of an attempt, the visibility of a message and what counts as late.
pub(crate) const LATER_SECONDS: i64 = 120;

pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) deps: Deps,
    pub(crate) clock: StoppedClock,
    router: Router,
    embedded: Embedded,
    client: Client,
    queue: String,
    last_batch: Mutex<Vec<Message>>,
}

/// A tenant with a webhook.
pub(crate) struct Heard {
    pub(crate) admin: Actor,
    pub(crate) users: Vec<Actor>,
    pub(crate) secret: String,
}

/// A resolver that knows these names and counts how often it was asked.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: HashMap<&'static str, Vec<&'static str>>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn of(known: &[(&'static str, &[&'static str])]) -> Arc<Self> {
        let known = known.iter().map(|(name, addresses)| (*name, addresses.to_vec())).collect();
        Arc::new(Self { known, asked: Mutex::default() })
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let found = self.known.get(host).ok_or_else(|| io::Error::other("no such name"));
        let found = found.map(|all| all.iter().map(|address| address.parse().unwrap()).collect());
        Box::pin(async { found })
    }
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with_names(Names::of(&[]), Guard { allow_loopback: true }).await
    }

    pub(crate) async fn with_names(names: Arc<Names>, guard: Guard) -> Self {
        let world = World::open().await;
        let clock = StoppedClock::at(noon());
        let of_queue = clock.clone();
        let sqs = EmbeddedSqs::open_in_memory().unwrap();
        let sqs = sqs.with_clock(MillisClock::new(move || of_queue.now().micros() / 1_000));
        let embedded = Embedded::new(world.embedded().dynamodb().clone(), sqs);
        let client = sqs_client(&embedded.connection());
        let queue = client.create_queue().queue_name("outbox").send().await.unwrap().queue_url.unwrap();
        let mut settings = (*world.deps().settings).clone();
        settings.outbox_queue_url = Some(queue.clone());
        settings.brief_runs_queue_url = None;
        let (table, queues) = (world.table_of(&embedded), embedded.connection());
        let own_clock = Arc::new(clock.clone());
        let deps = Deps::with_queues(&table, &queues, settings, own_clock, Arc::new(OsRandom));
        let sender = Sender::new(names, guard);
        let deps = deps.with(|parts| parts.webhooks = parts.webhooks.clone().with_sender(sender));
        let request_clock = RequestClock { clock: Arc::new(clock.clone()), header_counts: true };
        let surface = deps.settings.surface(Arc::new(request_clock), Arc::new(OsRandom), true);
        let briefs = of_function("briefs", bespin_fn_briefs::routes(deps.clone()));
        let notifications = of_function("notifications", bespin_fn_notifications::routes(deps.clone()));
        let router = surface.wrap(briefs.merge(notifications));
        let last_batch = Mutex::default();
        Self { world, deps, clock, router, embedded, client, queue, last_batch }
    }

    pub(crate) fn faults(&self) -> &Faults {
        self.embedded.faults()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sends a request through this process, now.
    pub(crate) async fn send(&self, request: Request) -> Reply {
        request.through(&self.router).at(&self.now().to_string()).send().await
    }

    pub(crate) async fn get(&self, actor: &Actor, path: &str) -> Value {
        self.send(actor.get(path)).await.expect(200)
    }

    /// A tenant of so many users whose notifications go to `url`, too.
    pub(crate) async fn tenant(&self, users: usize, url: &str) -> Heard {
        let admin = self.world.tenant().await;
        self.world.without_limits(&admin).await;
        let mut all = members(&admin, users - 1).await;
        all.push(admin.clone());
        let registered = self.register(&admin, url).await.expect(201);
        let secret = registered["secret"].as_str().unwrap().to_owned();
        Heard { admin, users: all, secret }
    }

    pub(crate) async fn register(&self, admin: &Actor, url: &str) -> Reply {
        self.send(admin.request("PUT", WEBHOOK).json(&json!({"url": url}))).await
    }

    /// Notifies everybody of a date.
    pub(crate) async fn notify(&self, admin: &Actor, date: &str) -> Reply {
        self.send(run(admin, &format!("key of {date}"), date)).await
    }

    /// The messages that anybody may receive now; they stay hidden for half a minute.
    pub(crate) async fn receive(&self) -> Vec<Message> {
        self.try_receive().await.expect("the queue answers")
    }

    /// The same; `None` where the queue does not answer.
    pub(crate) async fn try_receive(&self) -> Option<Vec<Message>> {
        let receive = self.client.receive_message().queue_url(&self.queue).max_number_of_messages(10);
        let received = receive.visibility_timeout(30).send().await.ok()?;
        Some(received.messages.unwrap_or_default())
    }

    /// So many messages at most.
    pub(crate) async fn receive_some(&self, most: i32) -> Vec<Message> {
        let receive = self.client.receive_message().queue_url(&self.queue).max_number_of_messages(most);
        receive.send().await.unwrap().messages.unwrap_or_default()
    }

    /// The messages of the last batch, once more.
    pub(crate) fn again(&self) -> Vec<Message> {
        self.last_batch.lock().unwrap().clone()
    }

    /// Hands messages to the dispatcher, and deletes what did not fail, as Lambda does.
    pub(crate) async fn dispatch(&self, messages: &[Message]) {
        self.try_dispatch(messages).await;
    }

    /// The same; `false` where any message failed.
    pub(crate) async fn try_dispatch(&self, messages: &[Message]) -> bool {
        *self.last_batch.lock().unwrap() = messages.to_vec();
        let handled = bespin_fn_outbox_dispatcher::handle(&self.deps, event(messages), self.now());
        let handled = as_function("outbox-dispatcher", handled).await;
        let failed: Vec<&str> =
            handled.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        for message in messages {
            if !failed.contains(&message.message_id().unwrap()) {
                let receipt = message.receipt_handle().unwrap();
                let deleted = self.client.delete_message().queue_url(&self.queue).receipt_handle(receipt);
                // A message that was received twice has been deleted by then.
                drop(deleted.send().await);
            }
        }
        failed.is_empty()
    }

    /// Works off all that can be worked off now, in batches; gives how many messages there were.
    pub(crate) async fn settle(&self) -> usize {
        let mut count = 0;
        loop {
            let messages = self.receive().await;
            if messages.is_empty() {
                return count;
            }
            count += messages.len();
            self.dispatch(&messages).await;
        }
    }

    /// Lets time pass, from one thing that is due to the next, with all that happens meanwhile but the sweep.
    pub(crate) async fn pass(&self, seconds: i64) {
        let end = self.now().plus_seconds(seconds);
        while self.now() < end {
            // A message is held back for whole seconds.
            let next = self.next_due().await.map_or(end, |due| due.plus_seconds(1));
            self.clock.set(next.clamp(self.now().plus_seconds(1), end.max(self.now().plus_seconds(1))));
            self.settle().await;
        }
    }

    /// When the next delivery is due.
    async fn next_due(&self) -> Option<Timestamp> {
        let table = &self.world.deps().table;
        let first = |range| table.query(Query::of(range).limit(1));
        let pages = join_all(keys::due_deliveries_before(Timestamp::MAX).map(first)).await;
        let rows = pages.into_iter().flat_map(|page| page.unwrap().items);
        rows.map(|row| row.get("due_at").unwrap()).min()
    }

    /// Lets so much time pass that whatever was lost counts as lost, and sweeps it up.
    pub(crate) async fn sweep_up(&self) {
        self.clock.advance_seconds(LATER_SECONDS);
        let swept = bespin_fn_outbox_dispatcher::sweep(&self.deps, self.now());
        as_function("outbox-dispatcher", swept).await.unwrap();
        self.settle().await;
    }

    /// The log of deliveries, newest first.
    pub(crate) async fn deliveries(&self, admin: &Actor) -> Vec<Value> {
        let page = self.get(admin, &format!("{DELIVERIES}?limit=500")).await;
        assert_eq!(page["next_cursor"], Value::Null);
        page["items"].as_array().unwrap().clone()
    }

    /// One delivery with its attempts.
    pub(crate) async fn delivery(&self, admin: &Actor, id: &Value) -> Value {
        self.get(admin, &format!("{DELIVERIES}/{}", id.as_str().unwrap())).await
    }

    /// The only delivery there is, with its attempts.
    pub(crate) async fn only_delivery(&self, admin: &Actor) -> Value {
        let deliveries = self.deliveries(admin).await;
        assert_eq!(deliveries.len(), 1, "{deliveries:?}");
        self.delivery(admin, &deliveries[0]["delivery_id"]).await
    }

    /// All that is stored, as text.
    pub(crate) async fn every_row(&self) -> String {
        let connection = self.world.table_of(&self.embedded);
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::new(connection.region().to_owned()))
            .credentials_provider(connection.credentials())
            .http_client(connection.http_client())
            .endpoint_url(connection.endpoint(bespin_aws::Service::DynamoDb).unwrap());
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        let scan = client.scan().table_name(&self.deps.settings.table_name);
        let pages = scan.into_paginator().items().send().try_collect().await.unwrap();
        format!("{pages:?}")
    }

    /// What the table says is still to be done: chunks without deliveries, and marks of deliveries that are due.
    pub(crate) async fn left_to_do(&self) -> (usize, usize) {
        let end = Timestamp::MAX;
        let count = async |ranges: [bespin_table::Range; 16]| {
            let table = &self.world.deps().table;
            let pages = join_all(ranges.map(|range| table.query_whole(Query::of(range)))).await;
            pages.into_iter().map(|page| page.unwrap().len()).sum()
        };
        (count(keys::outgoing_before(end)).await, count(keys::due_deliveries_before(end)).await)
    }
}

/// A house with one tenant of so many users and its receiver, all of whom are notified; nothing is dispatched yet.
pub(crate) async fn notified(users: usize) -> (House, Receiver, Heard) {
    let (house, receiver) = (House::open().await, Receiver::open().await);
    let tenant = house.tenant(users, &receiver.url()).await;
    house.notify(&tenant.admin, DATE).await.expect(200);
    (house, receiver, tenant)
}

/// The messages as Lambda hands them to a function.
pub(crate) fn event(messages: &[Message]) -> SqsEvent {
    let record = |message: &Message| json!({"messageId": message.message_id(), "body": message.body()});
    let records: Vec<Value> = messages.iter().map(record).collect();
    serde_json::from_value(json!({"Records": records})).unwrap()
}

/// How many of these have this status.
pub(crate) fn with_status(deliveries: &[Value], status: &str) -> usize {
    deliveries.iter().filter(|delivery| delivery["status"] == status).count()
}

/// What the log says of one attempt: its status, or why there is none.
pub(crate) fn attempts(delivery: &Value) -> Vec<Value> {
    let attempts = delivery["attempt_log"].as_array().unwrap();
    assert_eq!(attempts.len() as u64, delivery["attempts"].as_u64().unwrap());
    let outcome = |attempt: &Value| match &attempt["status_code"] {
        Value::Null => attempt["error"].clone(),
        status => status.clone(),
    };
    attempts.iter().map(outcome).collect()
}
