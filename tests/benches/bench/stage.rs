//! The product behind a port, over a store in memory or in files, and its store by the bare SDK.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};

use aws_sdk_dynamodb::{
    Client as Store,
    config::{BehaviorVersion, Region, retry::RetryConfig},
    types::{AttributeValue, PutRequest, WriteRequest},
};
use bespin_aws::Service;
use bespin_entitlements::DailyLimits;
use bespin_local::{LocalSettings, Storage};
use bespin_primitives::{OsRandom, SystemClock, Timestamp};
use bespin_table::cost::counted;
use bespin_tests::{Actor, World};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{bare::Call, http::Client};

pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) client: Client,
    /// The bare SDK over the same store, through the same connector.
    pub(crate) store: Store,
    _folder: Option<TempDir>,
}

impl Stage {
    /// With its store in memory.
    pub(crate) async fn in_memory() -> Self {
        Self::of(World::open().await, None).await
    }

    /// With its store in files of a folder that goes in the end.
    pub(crate) async fn in_files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            LocalSettings { storage: Storage::Folder(folder.path().to_owned()), ..World::settings() };
        Self::of(World::open_with(settings).await, Some(folder)).await
    }

    /// Over a world whose store may be in a folder that goes in the end.
    pub(crate) async fn of(world: World, folder: Option<TempDir>) -> Self {
        let client = Client::new(serve(&world).await);
        let store = bare_store(&world);
        Self { world, client, store, _folder: folder }
    }

    /// The admin of a new tenant that no limit stops.
    pub(crate) async fn tenant(&self) -> Actor {
        let actor = self.world.tenant().await;
        self.world
            .set_plan(&actor, |plan| {
                plan.included_credits = u64::MAX / 1_000_000;
                plan.caps.clear();
            })
            .await;
        let most = u64::MAX;
        let limits = DailyLimits {
            assistant_query: most,
            tool_invocation: most,
            daily_brief_generated: most,
            notification_enqueued: most,
        };
        self.world.set_daily_limits(&actor, limits).await;
        actor
    }

    /// What the store is asked for while `act` talks to another process over the same store. That process has done it once
    /// before, so that it knows its caller.
    pub(crate) async fn asked<F: Future<Output = ()>>(&self, act: impl Fn(Client, u8) -> F) -> Vec<Call> {
        let other = self.world.another(Arc::new(SystemClock), Arc::new(OsRandom));
        let client = Client::new(serve(&other).await);
        act(client.clone(), 0).await;
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let kept = Arc::clone(&calls);
        other.faults().sabotage(move |operation: &str, body: &mut Value| {
            kept.lock().unwrap().push(Call { operation: operation.to_owned(), body: body.clone() });
        });
        act(client, 1).await;
        let calls = calls.lock().unwrap().clone();
        assert!(!calls.is_empty(), "nothing was asked of the store");
        calls
    }
}

impl Stage {
    /// Writes the ledger entry that `asked` put so often more, as if there had been as many calls a moment apart.
    pub(crate) async fn fill_ledger(&self, asked: &[Call], entries: u64) {
        let puts = asked.iter().filter(|call| call.operation == "TransactWriteItems");
        let mut items = puts.flat_map(|call| call.body["TransactItems"].as_array().unwrap());
        let is_entry = |item: &&Value| {
            item["Put"]["Item"]["pk"]["S"].as_str().is_some_and(|partition| partition.contains("#LEDGER#"))
        };
        let entry = items.find(is_entry).expect("a call puts an entry");
        let table = entry["Put"]["TableName"].as_str().unwrap();
        let entry = crate::bare::item(&entry["Put"]["Item"]);
        let sort_key = entry["sk"].as_s().unwrap().clone();
        let numbers: Vec<u64> = (0..entries).collect();
        for some in numbers.chunks(25) {
            let puts = some.iter().map(|number| {
                let mut entry = entry.clone();
                entry.insert("sk".to_owned(), AttributeValue::S(format!("{sort_key}-{number}")));
                let put = PutRequest::builder().set_item(Some(entry)).build().unwrap();
                WriteRequest::builder().put_request(put).build()
            });
            self.store.batch_write_item().request_items(table, puts.collect()).send().await.unwrap();
        }
    }

    /// Does what the hourly rule and the Lambda behind its queue do, once. How many messages there were.
    pub(crate) async fn run_schedule(&self, now: Timestamp) -> usize {
        run_schedule(&self.world, now).await
    }

    /// What the store is asked for by that in another process over the same store, and how many of the writes it refused.
    pub(crate) async fn asked_by_schedule(&self, now: Timestamp) -> (Vec<Call>, usize) {
        let other = self.world.another(Arc::new(SystemClock), Arc::new(OsRandom));
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let kept = Arc::clone(&calls);
        other.faults().sabotage(move |operation: &str, body: &mut Value| {
            kept.lock().unwrap().push(Call { operation: operation.to_owned(), body: body.clone() });
        });
        let (_, cost) = counted(run_schedule(&other, now)).await;
        let calls = calls.lock().unwrap().clone();
        // Queues are no part of the table.
        let calls = calls.into_iter().filter(|call| call.body.get("QueueUrl").is_none()).collect();
        (calls, usize::try_from(cost.cancelled).unwrap())
    }
}

async fn run_schedule(world: &World, now: Timestamp) -> usize {
    world.schedule(&Value::Null, now).await.unwrap();
    let begun = Instant::now();
    let clock = || now.plus_millis(u64::try_from(begun.elapsed().as_millis()).unwrap());
    world.work_off_briefs_at(clock).await
}

async fn serve(world: &World) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = world.router();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

fn bare_store(world: &World) -> Store {
    let connection = world.embedded().connection();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(connection.http_client())
        .region(Region::new(connection.region().to_owned()))
        .credentials_provider(connection.credentials())
        .retry_config(RetryConfig::disabled())
        .endpoint_url(connection.endpoint(Service::DynamoDb).expect("an embedded store"));
    Store::from_conf(config.build())
}
