//! What one user may do, why, and how much of it is left: `GET {cp}/users/{user_id}/quota-breakdown`.

use axum::extract::State;
use bespin_access::Action;
use bespin_edge::{Deps, Named, Place};
use bespin_grants::{Grant, addition_name};
use bespin_policies::{Dimension, EVERY_BUNDLE, MAX_NAME, Quotas, quotas_view};
use bespin_primitives::{FaultKind, Timestamp};
use bespin_table::TableError;
use bespin_turns::{Snapshot, Subject};
use bespin_web::{Answer, Call, Problem, Read, text};
use serde_json::{Map, Value, json};

/// The kind of user, and the bundle.
pub(crate) fn parse(call: &Call) -> Result<(String, String), Problem> {
    let mut query = call.query();
    let user_type = query.required("user_type", text(1..=MAX_NAME).about("The kind of user"));
    let bundle = query.or(
        "bundle_id",
        EVERY_BUNDLE.to_owned(),
        text(1..=MAX_NAME).about("The bundle; `*` is the usage of all of them together"),
    );
    query.finish(|| Some((user_type?, bundle?)))
}

pub(crate) async fn show(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let administrator = deps.sender(&call).await?.authorise(Action::ManagePolicies)?;
    let (user_type, bundle) = parse(&call)?;
    let place = Named::in_query(&call)?.of(&deps, administrator).await?;
    let user_id = call.path("user_id");

    let (tenant, project) = (&place.tenant, &place.project);
    let Some(base) = deps.policies.quota_for(tenant, project, &user_type, &bundle).await? else {
        let sentence = format!("No policy found for user_type={user_type}, bundle_id={bundle}");
        return Err(Problem::new(FaultKind::Missing, "policy_not_found", sentence));
    };
    let grants = deps.grants.in_scope(tenant, project, user_id, &bundle, call.now).await?;
    let usage = usage_of(&deps, &place, user_id, &bundle, call.now).await?;
    let mut view = json!({"status": "ok", "user_id": user_id, "user_type": user_type, "bundle_id": bundle});
    if let Some(members) = view.as_object_mut() {
        members.extend(breakdown(&base, &grants, &usage));
    }
    Ok(Answer::ok(&view))
}

/// What the user did and is doing: the seam to the turns. `*` is all bundles together (control-plane.md 10.3).
async fn usage_of(
    deps: &Deps,
    place: &Place,
    user_id: &str,
    bundle: &str,
    now: Timestamp,
) -> Result<Snapshot, TableError> {
    let turns = &deps.turns;
    if bundle == EVERY_BUNDLE {
        return turns.tally_of_user(&place.tenant, &place.project, user_id, now).await;
    }
    let subject = Subject { user_id: user_id.to_owned(), bundle_id: bundle.to_owned(), session_id: None };
    Ok(turns.tally(&place.tenant, &place.project, &subject, now).await?.snapshot(now))
}

/// The limits of the user's kind, what is granted on top, what that makes, and what is left of it. Of grants the newest
/// first.
fn breakdown(base: &Quotas, grants: &[Grant], usage: &Snapshot) -> Map<String, Value> {
    let granted = grants.iter().map(|grant| grant.additions).reduce(|sum, more| sum.and(&more));
    let effective = granted.map_or(*base, |granted| base.raised_by(&granted));
    let replenishment = granted.map(|granted| {
        let mut view = json!({"has_credits": true, "credit_count": grants.len()});
        for dimension in Dimension::ALL {
            view[addition_name(dimension)] = json!(granted.get(dimension));
        }
        view["expires_at"] = json!(grants.iter().filter_map(|grant| grant.expires_at).min());
        view["purchase_notes"] = json!(grants.first().and_then(|newest| newest.notes.as_ref()));
        view
    });
    let left = |dimension, used: u64| effective.get(dimension).map(|limit| limit.saturating_sub(used));
    let Snapshot { requests: [day, month, total], tokens: [hour, day_tokens, month_tokens], in_flight } =
        *usage;
    let members = [
        ("base_policy", quotas_view(base)),
        ("replenishment", json!(replenishment)),
        ("effective_policy", quotas_view(&effective)),
        (
            "current_usage",
            json!({
                "requests_today": day, "requests_this_month": month, "requests_total": total,
                "tokens_this_hour": hour, "tokens_today": day_tokens, "tokens_this_month": month_tokens,
                "concurrent": in_flight,
            }),
        ),
        (
            "remaining",
            json!({
                "requests_today": left(Dimension::RequestsPerDay, day),
                "requests_this_month": left(Dimension::RequestsPerMonth, month),
                "requests_total": left(Dimension::TotalRequests, total),
                "tokens_this_hour": left(Dimension::TokensPerHour, hour),
                "tokens_today": left(Dimension::TokensPerDay, day_tokens),
                "tokens_this_month": left(Dimension::TokensPerMonth, month_tokens),
                "concurrent": left(Dimension::MaxConcurrent, in_flight),
                "percentage_used": percentage(day, effective.get(Dimension::RequestsPerDay)),
            }),
        ),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// How much of a limit is used, in percent with one decimal, rounded half up; `null` without a limit, and of none.
fn percentage(used: u64, limit: Option<u64>) -> Value {
    let Some(limit) = limit.filter(|limit| *limit > 0) else { return Value::Null };
    let (used, limit) = (u128::from(used), u128::from(limit));
    let tenths = (2_000 * used + limit) / (2 * limit);
    format!("{}.{}", tenths / 10, tenths % 10).parse().map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_has_one_decimal_and_is_rounded_half_up() {
        let shown = |used, limit| percentage(used, limit).to_string();

        assert_eq!(shown(8, Some(40)), "20.0");
        assert_eq!(shown(1, Some(3)), "33.3");
        assert_eq!(shown(2, Some(3)), "66.7");
        assert_eq!(shown(1, Some(2_000)), "0.1", "0.05");
        assert_eq!(shown(30, Some(10)), "300.0");
        assert_eq!(shown(8, Some(0)), "null");
        assert_eq!(shown(8, None), "null");
    }
}
