//! The API as an OpenAPI document, `/openapi.json`, and as a page for people, `/docs` (gateway.md 17).
//!
//! The document is made by `make openapi` from what the handlers of all functions promise, and a test holds it against them.
//! This function serves it as it is: it links none of the others.

mod api;
mod page;
mod schema;

pub use api::api;
use axum::Router;
use bespin_web::describe::router;

/// The document.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// Serves the routes of this function.
pub fn routes() -> Router {
    router(api::<()>)
}
