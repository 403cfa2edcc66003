//! Specifications of webhooks: what leaves the building, how, and what becomes of it. Receivers are real: they listen on
//! loopback and read what came over the socket.

#[path = "webhooks/cost.rs"]
mod cost;
#[path = "webhooks/deaths.rs"]
mod deaths;
#[path = "webhooks/delivering.rs"]
mod delivering;
#[path = "webhooks/disabling.rs"]
mod disabling;
#[path = "webhooks/endpoint.rs"]
mod endpoint;
#[path = "webhooks/failing.rs"]
mod failing;
#[path = "webhooks/fairness.rs"]
mod fairness;
#[path = "webhooks/house.rs"]
mod house;
#[path = "webhooks/log.rs"]
mod log;
#[path = "webhooks/receiver.rs"]
mod receiver;
#[path = "webhooks/signed.rs"]
mod signed;
#[path = "webhooks/where_to.rs"]
mod where_to;
