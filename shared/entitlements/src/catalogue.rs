//! What can be metered and subscribed to.

use std::collections::BTreeMap;

use bespin_metering::EventDefinition;

use crate::Plan;

/// All metered events and plans of the platform, as of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// By event key.
    pub events: BTreeMap<String, EventDefinition>,
    /// By plan id.
    pub plans: BTreeMap<String, Plan>,
}
