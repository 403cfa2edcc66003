//! Specifications of series: KPIs, their points, and the briefs made of them (gateway.md 6 and 7).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::float_cmp, reason = "a value comes back as it was sent, to the last bit")]

#[path = "series/briefs.rs"]
mod briefs;
#[path = "series/content.rs"]
mod content;
#[path = "series/cost.rs"]
mod cost;
#[path = "series/kpis.rs"]
mod kpis;
#[path = "series/latest.rs"]
mod latest;
#[path = "series/model.rs"]
mod model;
#[path = "series/points.rs"]
mod points;
#[path = "series/public_data.rs"]
mod public_data;
#[path = "series/times.rs"]
mod times;
#[path = "series/wide.rs"]
mod wide;
#[path = "series/words.rs"]
mod words;
