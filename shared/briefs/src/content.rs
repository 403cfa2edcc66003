//! What a brief says, and how it reads as JSON. The order of fields here is the order of members there
//! (gateway.md 7.1).

use bespin_kpi::Change;
use bespin_primitives::{BriefId, Date, KpiId, RequestId};
use serde::{Serialize, Serializer};

/// The brief of a tenant for a date. As JSON `{"brief_id", "request_id", "content"}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Brief {
    /// Which brief.
    #[serde(rename = "brief_id")]
    pub id: BriefId,
    /// The request that made it; who asks later gets the same.
    pub request_id: RequestId,
    /// What it says.
    pub content: Content,
}

/// What a brief says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Content {
    /// The date it is for.
    #[serde(serialize_with = "year_month_day")]
    pub date: Date,
    /// The window it was ordered with, in days.
    pub window_days: u32,
    /// How many highlights were ordered at most.
    pub top_n: u32,
    /// How many KPIs moved which way.
    pub summary: Summary,
    /// The KPIs that moved most, the largest percentage of either sign first: at most `top_n`.
    pub highlights: Vec<Highlight>,
    /// The KPIs that fell by a tenth or more, by name and then id: all of them, whatever `top_n` is.
    pub alerts: Vec<Alert>,
}

/// How many KPIs moved which way, by the sign of the absolute change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All KPIs with a point on the date or before: the sum of the other three.
    pub kpis_considered: u64,
    /// Those that rose; a rise from zero is one, though it has no percentage.
    pub kpis_up: u64,
    /// Those that fell.
    pub kpis_down: u64,
    /// Those that stayed, and those with one point only.
    pub kpis_flat: u64,
}

/// A KPI that stands out, with `latest`, `start`, `delta_abs` and `delta_pct` of its change beside its name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Highlight {
    /// Which KPI.
    pub kpi_id: KpiId,
    /// Its name.
    pub name: String,
    /// Its unit, if it has one.
    pub unit: Option<String>,
    /// How it moved.
    #[serde(flatten)]
    pub change: Change,
}

/// A KPI that needs attention.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// Which KPI.
    pub kpi_id: KpiId,
    /// Its name.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// Which rule it broke.
    pub reason: AlertReason,
    /// How far it fell, in percent: -10 or less.
    pub delta_pct: f64,
}

/// How bad an alert is. The contract knows one degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// `high`
    High,
}

/// The rule behind an alert. The contract knows one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertReason {
    /// `delta_pct_below_threshold`: at [`ALERT_AT_PERCENT`](crate::ALERT_AT_PERCENT) or below.
    DeltaPctBelowThreshold,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands every field over by reference")]
fn year_month_day<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}
