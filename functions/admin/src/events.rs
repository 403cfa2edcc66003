//! Metered events: `/v1/admin/metered-events`.

use axum::extract::State;
use bespin_edge::Deps;
use bespin_entitlements::{EventUpdate, NewEvent};
use bespin_metering::EventDefinition;
use bespin_primitives::{Credits, Micros, PricePerCredit};
use bespin_web::{Answer, Body, Call, Problem, boolean, code, decimal, text};
use serde_json::Value;

fn credits(number: Micros) -> Credits {
    Credits::from_micros(number.get())
}

fn price(number: Micros) -> PricePerCredit {
    PricePerCredit::from_micros(number.get())
}

pub(crate) fn parse_new(body: &Body) -> Result<NewEvent, Problem> {
    let mut fields = body.fields()?;
    let event_key = fields.required("event_key", code(1..=100));
    let display_name = fields.required("display_name", text(1..=255));
    let description = fields.optional("description", text(..=1000));
    let unit_name = fields.required("unit_name", text(1..=50));
    let weight = fields.required("credits_per_unit", decimal(EventDefinition::MAX_CREDITS_PER_UNIT));
    let list_price = fields.required("list_price_per_credit", decimal(EventDefinition::MAX_LIST_PRICE));
    let billable = fields.or("billable", true, boolean());
    let active = fields.or("active", true, boolean());
    fields.finish(|| {
        Some(NewEvent {
            event_key: event_key?,
            display_name: display_name?,
            description: description?,
            unit_name: unit_name?,
            credits_per_unit: weight.map(credits)?,
            list_price_per_credit: list_price.map(price)?,
            billable: billable?,
            active: active?,
        })
    })
}

pub(crate) fn parse_update(body: &Body) -> Result<EventUpdate, Problem> {
    let mut fields = body.fields()?;
    let display_name = fields.optional("display_name", text(1..=255));
    let description = fields.optional("description", text(..=1000));
    let unit_name = fields.optional("unit_name", text(1..=50));
    let weight = fields.optional("credits_per_unit", decimal(EventDefinition::MAX_CREDITS_PER_UNIT));
    let list_price = fields.optional("list_price_per_credit", decimal(EventDefinition::MAX_LIST_PRICE));
    let billable = fields.optional("billable", boolean());
    let active = fields.optional("active", boolean());
    fields.finish(|| {
        Some(EventUpdate {
            display_name: display_name?,
            description: description?,
            unit_name: unit_name?,
            credits_per_unit: weight?.map(credits),
            list_price_per_credit: list_price?.map(price),
            billable: billable?,
            active: active?,
        })
    })
}

pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    deps.operator(&call)?;
    let catalogue = deps.entitlements.stored_catalogue().await?;
    let events: Value = catalogue.events.values().map(EventDefinition::view).collect();
    Ok(Answer::ok(&events))
}

pub(crate) async fn create(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let order = parse_new(&call.json_with_non_finite()?)?;
    let event = deps.entitlements.create_event(&deps.author(&call, &operator), order).await?;
    Ok(Answer::created(&event.view()))
}

pub(crate) async fn update(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let operator = deps.operator(&call)?;
    let update = parse_update(&call.json_with_non_finite()?)?;
    let author = deps.author(&call, &operator);
    let event = deps.entitlements.update_event(&author, call.path("event_key"), &update).await?;
    Ok(Answer::ok(&event.view()))
}
