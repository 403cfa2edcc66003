//! What a function promises: its routes, told once and used twice, for the router that serves them ([`Routes`]) and for the
//! document that describes them ([`Described`]).
//!
//! ```
//! # use bespin_web::{Answer, Body, Call, Problem, text};
//! # use bespin_web::describe::{Api, Audience, Described, Operation, Shape, router};
//! # const STRANGERS: Audience = Audience { schemes: &[], refusals: &[] };
//! fn parse(body: &Body) -> Result<String, Problem> {
//!     let mut fields = body.fields()?;
//!     let name = fields.required("name", text(1..=255));
//!     fields.finish(|| name)
//! }
//!
//! async fn greet(call: Call) -> Result<Answer, Problem> {
//!     let name = parse(&call.json()?)?;
//!     Ok(Answer::ok(&serde_json::json!({ "greeting": format!("Hello, {name}") })))
//! }
//!
//! fn api(api: &mut impl Api<()>) {
//!     api.post("/v1/greetings", greet, || {
//!         Operation::new("greet", "Greet somebody", &STRANGERS)
//!             .body(parse)
//!             .answers(200, "The greeting", Shape::object([("greeting", Shape::text())]))
//!     });
//! }
//!
//! let served: axum::Router<()> = router(api);
//! let mut described = Described::default();
//! api(&mut described);
//! assert_eq!(described.routes[0].path, "/v1/greetings");
//! ```

mod api;
mod operation;
mod shape;
mod sketch;

pub use api::{Api, Described, Promise, Route, Routes, Under, router};
pub use operation::{Audience, Content, Operation, Parameter, Place, Refusal};
pub use shape::Shape;
pub(crate) use sketch::Sketch;
