//! Deliveries to webhooks, as a Lambda behind its queue and its schedule.

use bespin_primitives::{Clock, SystemClock};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let deps = bespin_edge::Edge::from_env()?.deps;
    let handle = async |event: LambdaEvent<Value>| {
        Ok::<_, Error>(bespin_fn_outbox_dispatcher::invoke(&deps, event.payload, SystemClock.now()).await?)
    };
    lambda_runtime::run(service_fn(handle)).await
}
