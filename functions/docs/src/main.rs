//! The documentation, as a Lambda. It needs no table and no secret.

use std::sync::Arc;

use bespin_primitives::{OsRandom, SystemClock};
use bespin_web::{ProcessClock, Surface, cors_origins};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    bespin_web::init_logging();
    let surface = Surface {
        clock: Arc::new(ProcessClock(Arc::new(SystemClock))),
        random: Arc::new(OsRandom),
        cors_origins: cors_origins(std::env::var("CORS_ORIGINS").ok().as_deref()),
        expose_cost: false,
        per_tenant_per_second: None,
        per_address_per_second: None,
    };
    bespin_web::serve(surface.wrap(bespin_fn_docs::routes())).await
}
