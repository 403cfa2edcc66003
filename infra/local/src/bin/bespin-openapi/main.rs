//! `make openapi` and `make routes`: what the functions promise, from their own routers.
//!
//! - `bespin-openapi` prints the OpenAPI document of all functions together, `bespin-openapi <function>` that of one.
//! - `bespin-openapi routes` prints each route as `<function> <method> <path>`, in the order of the functions.

use std::io::Write;

use bespin_local::Function;
use bespin_openapi::document;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let asked = std::env::args().nth(1);
    if asked.as_deref() == Some("routes") {
        for function in Function::ALL {
            for route in function.described().described.routes {
                writeln!(out, "{} {} {}", function.name, route.method, route.path)?;
            }
        }
        return Ok(());
    }
    let Some(name) = asked else { return writeln!(out, "{:#}", Function::document()) };
    match Function::ALL.iter().find(|function| function.name == name) {
        Some(function) => writeln!(out, "{:#}", document(&[function.described()])),
        None => Err(std::io::Error::other(format!("there is no function {name} that answers requests"))),
    }
}
