//! Plans with their capabilities and caps: `/v1/admin/plans`.

use axum::extract::State;
use bespin_edge::Deps;
use bespin_entitlements::{AdministrationError, NewPlan, Plan, PlanUpdate, cap_view};
use bespin_primitives::{Micros, PricePerCredit};
use bespin_web::{
    Answer, Body, Call, Problem, code, decimal, integer, list as list_of_objects, list_of, one_of, text,
};
use serde_json::{Value, json};

/// The most capabilities or caps one call names; a plan cannot have more that differ.
const MAX_ITEMS: usize = 1_000;

fn price(number: Micros) -> PricePerCredit {
    PricePerCredit::from_micros(number.get())
}

pub(crate) fn parse_new(body: &Body) -> Result<NewPlan, Problem> {
    let mut fields = body.fields()?;
    let plan_id = fields.required("plan_id", code(1..=100));
    let name = fields.required("name", text(1..=255));
    let included = fields.required("included_credits", integer(0..=Plan::MAX_INCLUDED_CREDITS));
    let overage = fields.required("overage_price_per_credit", decimal(Plan::MAX_OVERAGE_PRICE));
    fields.finish(|| {
        Some(NewPlan {
            plan_id: plan_id?,
            name: name?,
            included_credits: u64::try_from(included?).ok()?,
            overage_price_per_credit: overage.map(price)?,
        })
    })
}

pub(crate) fn parse_update(body: &Body) -> Result<PlanUpdate, Problem> {
    let mut fields = body.fields()?;
    let name = fields.optional("name", text(1..=255));
    let included = fields.optional("included_credits", integer(0..=Plan::MAX_INCLUDED_CREDITS));
    let overage = fields.optional("overage_price_per_credit", decimal(Plan::MAX_OVERAGE_PRICE));
    fields.finish(|| {
        Some(PlanUpdate {
            name: name?,
            included_credits: included?.map(u64::try_from).transpose().ok()?,
            overage_price_per_credit: overage?.map(price),
        })
    })
}

/// The keys as sent; repeats are ignored.
pub(crate) fn parse_capabilities(body: &Body) -> Result<Vec<String>, Problem> {
    let mut fields = body.fields()?;
    let capabilities = fields.required("capabilities", list_of(..=MAX_ITEMS, text(..=100)));
    let sent = fields.finish(|| capabilities)?;
    let mut distinct: Vec<String> = Vec::new();
    for key in sent {
        if !distinct.contains(&key) {
            distinct.push(key);
        }
    }
    Ok(distinct)
}

/// The caps in the order sent; of several on one event the last counts.
pub(crate) fn parse_caps(body: &Body) -> Result<Vec<(String, Micros)>, Problem> {
    let mut fields = body.fields()?;
    let caps = fields.required(
        "caps",
        list_of_objects(..=MAX_ITEMS, |cap| {
            let event_key = cap.required("event_key", text(..=100));
            let period = cap.or("period", "monthly", one_of(&["monthly"]));
            let units = cap.required("cap_raw_units", decimal(Plan::MAX_CAP));
            period.and(Some((event_key?, units?)))
        }),
    );
    let sent = fields.finish(|| caps)?;
    let mut distinct: Vec<(String, Micros)> = Vec::new();
    for (event_key, cap) in sent {
        match distinct.iter_mut().find(|(key, _)| *key == event_key) {
            Some(earlier) => earlier.1 = cap,
            None => distinct.push((event_key, cap)),
        }
    }
    Ok(distinct)
}

pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    deps.operator(&call)?;
    let catalogue = deps.entitlements.stored_catalogue().await?;
    let plans: Value = catalogue.plans.values().map(Plan::view).collect();
    Ok(Answer::ok(&plans))
}

/// One plan with everything it includes and caps.
pub(crate) async fn find(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    deps.operator(&call)?;
    let plan_id = call.path("plan_id");
    let catalogue = deps.entitlements.stored_catalogue().await?;
    let Some(plan) = catalogue.plans.get(plan_id) else {
        return Err(AdministrationError::PlanNotFound { plan_id: plan_id.to_owned() }.into());
    };
    let mut view = plan.view();
    view["capabilities"] = plan.capabilities_view();
    view["caps"] = plan.caps_view();
    Ok(Answer::ok(&view))
}

pub(crate) async fn create(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let order = parse_new(&call.json_with_non_finite()?)?;
    let plan = deps.entitlements.create_plan(&deps.author(&call, &operator), order).await?;
    Ok(Answer::created(&plan.view()))
}

pub(crate) async fn update(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let update = parse_update(&call.json_with_non_finite()?)?;
    let author = deps.author(&call, &operator);
    let plan = deps.entitlements.update_plan(&author, call.path("plan_id"), &update).await?;
    Ok(Answer::ok(&plan.view()))
}

pub(crate) async fn set_capabilities(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let sent = parse_capabilities(&call.json()?)?;
    let author = deps.author(&call, &operator);
    deps.entitlements.set_capabilities(&author, call.path("plan_id"), &sent).await?;
    Ok(Answer::ok(&json!(sent)))
}

pub(crate) async fn set_caps(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let caps = parse_caps(&call.json_with_non_finite()?)?;
    let author = deps.author(&call, &operator);
    deps.entitlements.set_caps(&author, call.path("plan_id"), &caps).await?;
    let caps: Value = caps.iter().map(|(event_key, cap)| cap_view(event_key, *cap)).collect();
    Ok(Answer::ok(&caps))
}
