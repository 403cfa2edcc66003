//! The scheduler of daily briefs, as a Lambda behind an hourly rule.

use bespin_primitives::{Clock, SystemClock};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let deps = bespin_edge::Edge::from_env()?.deps;
    let handle = async |event: LambdaEvent<Value>| {
        let handled = bespin_fn_daily_brief_scheduler::handle(&deps, &event.payload, SystemClock.now()).await;
        handled.map_err(Error::from)
    };
    lambda_runtime::run(service_fn(handle)).await
}
