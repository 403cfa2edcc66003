//! What can be metered and subscribed to.

use std::collections::BTreeMap;

use bespin_metering::{Charge, EventDefinition, MeteredEvent};

use crate::{EntitlementError, Plan};

/// All metered events and plans of the platform, as of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// By event key.
    pub events: BTreeMap<String, EventDefinition>,
    /// By plan id.
    pub plans: BTreeMap<String, Plan>,
}

impl Catalogue {
    /// What so many units of an event cost that happened already, so also of one that is switched off by now. More than
    /// can be counted is told as an event that is not metered.
    pub fn charge(&self, event: MeteredEvent, raw_units: u64) -> Result<Charge, EntitlementError> {
        let charge = self.events.get(event.key()).and_then(|definition| definition.charge(event, raw_units));
        charge.ok_or(EntitlementError::UnknownEvent { event_key: event.key() })
    }
}
