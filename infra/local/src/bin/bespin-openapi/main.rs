//! `make openapi` and `make routes`: what the functions promise, from their own routers.
//!
//! - `bespin-openapi` prints the OpenAPI document.
//! - `bespin-openapi routes` prints each route as `<function> <method> <path>`, in the order of the functions.

use std::io::Write;

use bespin_local::Function;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if std::env::args().nth(1).as_deref() == Some("routes") {
        for function in Function::ALL {
            for route in function.described().described.routes {
                writeln!(out, "{} {} {}", function.name, route.method, route.path)?;
            }
        }
        return Ok(());
    }
    writeln!(out, "{:#}", Function::document())
}
