//! What a KPI is, apart from its points.

use bespin_primitives::{KpiId, Timestamp};
use serde::Serialize;

/// The definition of a KPI; it is never changed or deleted. Names may repeat (gateway.md 6.1).
///
/// As JSON `{"kpi_id", "name", "unit", "description"}`: when it was made is for sorting, not for showing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kpi {
    /// Which KPI.
    #[serde(rename = "kpi_id")]
    pub id: KpiId,
    /// What people call it: 1 to 255 code points, not trimmed.
    pub name: String,
    /// What its values count, such as `GBP`: at most 50 code points.
    pub unit: Option<String>,
    /// What it means: at most 4,096 code points.
    pub description: Option<String>,
    /// When it was defined. Lists show the newest first.
    #[serde(skip)]
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use bespin_primitives::SeededRandom;

    use super::*;

    #[test]
    fn a_definition_shows_its_four_members_and_nulls_for_what_was_left_out() {
        let id = KpiId::random(&SeededRandom::new(1));
        let mrr = Kpi {
            id,
            name: "MRR".into(),
            unit: Some("GBP".into()),
            description: None,
            created_at: Timestamp::MIN,
        };

        assert_eq!(
            serde_json::to_string(&mrr).unwrap(),
            format!(r#"{{"kpi_id":"{id}","name":"MRR","unit":"GBP","description":null}}"#)
        );
    }
}
