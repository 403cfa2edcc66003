//! What the catalogue starts with (gateway.md 12.1). Seeded once: what an administrator removes stays removed.

use std::collections::{BTreeMap, BTreeSet};

use bespin_metering::{EventDefinition, MeteredEvent};
use bespin_primitives::{Credits, Micros, PricePerCredit, Timestamp};

use crate::{Capability, Plan};

/// The plan of a new tenant.
pub(crate) const STARTER: &str = "starter";

/// The six metered events.
pub(crate) fn events(now: Timestamp) -> Vec<EventDefinition> {
    let rows: [(MeteredEvent, &str, &str, &str, u64); 6] = [
        (MeteredEvent::AssistantQuery, "Assistant query", "One answered chat message", "call", 1_000_000),
        (MeteredEvent::ToolInvocation, "Tool invocation", "One tool call", "call", 2_000_000),
        (MeteredEvent::DailyBriefGenerated, "Daily brief", "One new daily brief", "brief", 5_000_000),
        (
            MeteredEvent::NotificationEnqueued,
            "Notification",
            "One notification to one user",
            "notification",
            200_000,
        ),
        (MeteredEvent::KpiDefinitionCreated, "KPI definition", "One new KPI definition", "kpi", 500_000),
        (MeteredEvent::KpiPointsIngested, "KPI points", "One new point of a KPI", "row", 1_000),
    ];
    rows.map(|(event, display_name, description, unit_name, micro_credits)| EventDefinition {
        event_key: event.key().to_owned(),
        display_name: display_name.to_owned(),
        description: Some(description.to_owned()),
        unit_name: unit_name.to_owned(),
        credits_per_unit: Credits::from_micros(micro_credits),
        list_price_per_credit: PricePerCredit::from_micros(20_000),
        billable: true,
        active: true,
        created_at: now,
        updated_at: now,
    })
    .into()
}

/// The three plans. All include everything; the smallest has caps.
pub(crate) fn plans(now: Timestamp) -> Vec<Plan> {
    let whole = |units: u64| Micros::new(units * 1_000_000);
    let starter_caps = BTreeMap::from([
        (MeteredEvent::DailyBriefGenerated.key().to_owned(), whole(50)),
        (MeteredEvent::ToolInvocation.key().to_owned(), whole(2_000)),
    ]);
    let plan = |plan_id: &str, name: &str, included_credits, micro_dollars, caps| Plan {
        plan_id: plan_id.to_owned(),
        name: name.to_owned(),
        included_credits,
        overage_price_per_credit: PricePerCredit::from_micros(micro_dollars),
        capabilities: BTreeSet::from(Capability::ALL),
        caps,
        created_at: now,
        updated_at: now,
    };
    vec![
        plan(STARTER, "Starter", 500, 20_000, starter_caps),
        plan("growth", "Growth", 2_000, 15_000, BTreeMap::new()),
        plan("scale", "Scale", 10_000, 10_000, BTreeMap::new()),
    ]
}
