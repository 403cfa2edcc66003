//! The whole product in one process on one machine: an embedded DynamoDB and queue, and every function's router
//! behind one port, with the same handlers that ship to Lambda, through the same SDK clients.
//!
//! - [`Cloud`] is the product without a socket, for tests and for [`Server`].
//! - [`Server`] puts it behind loopback ports.
//! - [`DemoTenant`] is the tenant that a first start makes, so that there is something to call with.

mod banner;
mod clock;
mod cloud;
mod dead_letters;
mod demo_tenant;
mod error;
mod folder;
mod functions;
mod queues;
mod server;
mod settings;

pub use banner::banner;
pub use clock::RequestClock;
pub use cloud::{Cloud, connection_to};
pub use dead_letters::{Letters, dead_letters, redrive};
pub use demo_tenant::DemoTenant;
pub use error::LocalError;
pub use folder::DataFolder;
pub use functions::{Function, of_function};
pub use queues::EventSource;
pub use server::Server;
pub use settings::{Console, LocalSettings, Storage};
