//! `GET /v1/billing/events` and `GET /v1/billing/plan` (gateway.md 12.4).

use axum::extract::State;
use bespin_access::Action;
use bespin_edge::Deps;
use bespin_entitlements::{Catalogue, EntitlementError, Plan, Subscription};
use bespin_metering::EventDefinition;
use bespin_primitives::FaultKind;
use bespin_web::{Answer, Call, Problem};
use serde_json::Value;

/// The active events, by key.
pub(crate) async fn events(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    deps.identify(&call).await?.authorise(Action::ReadBilling)?;
    let catalogue = deps.entitlements.catalogue().await?;
    let active = catalogue.events.values().filter(|event| event.active);
    Ok(Answer::ok(&active.map(EventDefinition::view).collect::<Value>()))
}

pub(crate) async fn show(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let access = deps.identify(&call).await?.authorise(Action::ReadBilling)?;
    let catalogue = deps.entitlements.catalogue().await?;
    let account = deps.entitlements.account(&access, call.now.period()).await?;
    let (subscription, plan) = subscribed(account.subscription, &catalogue)?;
    let of_tenant = subscription.view(access.tenant_id(), call.now);
    let mut view = Value::Null;
    for member in ["tenant_id", "plan_id", "status", "period_start", "period_end"] {
        view[member] = of_tenant[member].clone();
    }
    view["plan"] = plan.view();
    view["capabilities"] = plan.capabilities_view();
    Ok(Answer::ok(&view))
}

/// The subscription and its plan, or why there is nothing to show.
pub(crate) fn subscribed(
    subscription: Option<Subscription>,
    catalogue: &Catalogue,
) -> Result<(Subscription, &Plan), Problem> {
    let Some(subscription) = subscription else {
        let sentence = "No subscription found for tenant";
        return Err(Problem::new(FaultKind::Missing, "subscription_not_found", sentence));
    };
    match catalogue.plans.get(&subscription.plan_id) {
        Some(plan) => Ok((subscription, plan)),
        None => Err(EntitlementError::PlanNotFound { plan_id: subscription.plan_id }.into()),
    }
}
