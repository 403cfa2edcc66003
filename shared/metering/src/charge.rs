//! What one request costs.

use bespin_primitives::{Credits, RawUnits, Usd};

use crate::MeteredEvent;

/// So many units of an event at the weight and price of one moment. Made by
/// [`EventDefinition::charge`](crate::EventDefinition::charge).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// What happens.
    pub event: MeteredEvent,
    /// How often.
    pub raw_units: RawUnits,
    /// What it costs in credits.
    pub credits: Credits,
    /// What these credits cost by the list.
    pub list_cost: Usd,
}
