//! The rest of large daily briefs, as a Lambda behind its queue.

use aws_lambda_events::event::sqs::SqsEvent;
use bespin_primitives::{Clock, SystemClock};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let deps = bespin_edge::Edge::from_env()?.deps;
    let handle = async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(bespin_fn_daily_brief_runner::handle(&deps, event.payload, SystemClock.now()).await)
    };
    lambda_runtime::run(service_fn(handle)).await
}
