//! A Lambda that does nothing: what every function is measured against in `make bench`. It is packed like the functions
//! and never deployed.

use std::convert::Infallible;

use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(async |_: Request| Ok::<_, Infallible>("Hello"))).await
}
