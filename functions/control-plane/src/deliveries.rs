//! What the payment provider sent, and what became of it: `{cp}/webhooks/deliveries`.

use axum::extract::State;
use bespin_access::{Action, Administrator};
use bespin_edge::{Deps, Named};
use bespin_payments::{Delivery, DeliveryScope, Outcome};
use bespin_table::Range;
use bespin_web::{Answer, Call, Problem, Read, one_of};
use serde_json::{Value, json};

use crate::page::{Page, shown};

/// Those of the tenant that is named; those that belong to no tenant where the operator names none.
async fn scope(deps: &Deps, call: &Call, administrator: Administrator) -> Result<DeliveryScope, Problem> {
    let named = Named::in_query(call)?;
    match &administrator {
        Administrator::Operator(operator) if !named.names_tenant() => Ok(DeliveryScope::of_nobody(operator)),
        _ => Ok(DeliveryScope::of_tenant(&named.of(deps, administrator).await?.tenant)),
    }
}

/// Which outcome, if only one, and the page of `range`.
pub(crate) fn parse(call: &Call, range: &Range) -> Result<(Option<Outcome>, Page), Problem> {
    let mut query = call.query();
    let outcome = query.optional("outcome", one_of(&Outcome::NAMES).about("Only those of one outcome"));
    let page = Page::read(&mut query, range);
    query.finish(|| Some((outcome?.and_then(Outcome::parse), page?)))
}

/// Deliveries, newest first, of one outcome if asked for.
pub(crate) async fn list(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::ManageGrants)?;
    let scope = scope(&deps, &call, administrator).await?;
    let (outcome, page) = parse(&call, &scope.range())?;
    let (deliveries, next) = deps.payments.list(scope, outcome, page.limit, page.after).await?;
    let rows: Value = deliveries.iter().map(Delivery::view).collect();
    Ok(Answer::ok(&json!({
        "status": "ok", "count": deliveries.len(), "deliveries": rows, "next_cursor": shown(next.as_ref()),
    })))
}

/// Tries a stored delivery again, by the settings as they are now.
pub(crate) async fn replay(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::ManageGrants)?;
    let author = deps.author(&call, &administrator);
    let scope = scope(&deps, &call, administrator).await?;
    let delivery = deps.payments.replay(&author, scope, call.path("delivery_id")).await?;
    Ok(Answer::ok(&json!({"status": "ok", "message": delivery.message, "delivery": delivery.view()})))
}
