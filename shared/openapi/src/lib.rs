//! One OpenAPI 3.1 document from what all functions promise ([`bespin_web::describe`]).
//!
//! The document is made at build time (`make openapi`) and served as it is: no function makes it anew, and a test holds it
//! against the routers.

mod document;
mod refusals;

pub use document::{ALIAS_OF, Area, document};
pub use refusals::{codes, sentence};
