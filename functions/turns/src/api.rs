//! The routes of this function, and what each of them promises.

use bespin_edge::audience::{METERED, SENDER, SUBSCRIBED, TENANT};
use bespin_edge::{CONTROL_PLANE, Deps, Named};
use bespin_web::describe::{Api, Operation};

use crate::budgets::{Cost, Question};
use crate::limiter::{Ended, Running};
use crate::turns::Begin;
use crate::{budgets, limiter, settings, shapes, turns};

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    control_plane(&mut api.under(&CONTROL_PLANE));
    turns(api);
}

/// For products that ask by the contract of the control plane (control-plane.md 5, 6).
fn control_plane(api: &mut impl Api<Deps>) {
    api.post("/limiter/admit", limiter::admit, || {
        Operation::new("admitTurn", "Whether a turn may run now", &SENDER)
            .says(
                "Admins only. A refusal is an answer, too: `allowed` is false. A lock that is \
                held is renewed.",
            )
            .body_and_query(Running::parse)
            .answers(200, "The verdict", shapes::lock_verdict())
    });
    api.post("/limiter/commit", limiter::commit, || {
        Operation::new("commitTurn", "Count a turn that ended", &SENDER)
            .says("Admins only. One request and its tokens; lets go of the lock.")
            .body_and_query(Ended::parse)
            .answers(200, "Counted", shapes::counted_turn())
    });
    api.post("/limiter/release", limiter::release, || {
        Operation::new("releaseTurn", "Let go of a lock", &SENDER)
            .says("Admins only. Counts nothing.")
            .body_and_query(Running::parse)
            .answers(200, "How many locks there were: one or none", shapes::released())
    });
    api.post("/limiter/heartbeat", limiter::heartbeat, || {
        Operation::new("renewTurn", "Give a lock more time", &SENDER)
            .says("Admins only.")
            .body_and_query(Running::parse)
            .answers(200, "Whether there was such a lock", shapes::renewed())
    });
    api.post("/budgets/check", budgets::check, || {
        Operation::new("checkBudget", "What is left of budgets", &SENDER)
            .says("Admins only. Changes nothing.")
            .body_and_query(Question::parse)
            .answers(200, "What is left", shapes::budget_insight())
    });
    api.post("/budgets/commit", budgets::commit, || {
        Operation::new("commitSpend", "Count what a provider cost", &SENDER)
            .says("Admins only. To the millionth of a dollar.")
            .body_and_query(Cost::parse)
            .answers(200, "Counted", shapes::counted_spend())
    });
    api.get("/budgets/{bundle_id}/{provider}/spend", budgets::spend, || {
        Operation::new("getSpend", "What a provider cost", &SENDER)
            .says("Admins only. Bundle `*` is the whole project.")
            .path("bundle_id", "An application inside the project, or `*`", Some("chat"))
            .path("provider", "The provider", Some("openai"))
            .query(Named::in_query)
            .answers(200, "The spend of the windows that run", shapes::spend())
    });
}

/// Turns that hold their estimate until they are settled (control-plane.md 7).
fn turns(api: &mut impl Api<Deps>) {
    api.post(turns::PATH, turns::begin, || {
        Operation::new("beginTurn", "Admit a turn that holds its estimate", &TENANT)
            .says(
                "Admins only. One write admits it against user, providers and number of turns; \
                429 tells what leaves no room.",
            )
            .idempotent()
            .body(Begin::parse)
            .answers(201, "The turn, with what it was admitted against", shapes::begun_turn())
            .refuses(&SUBSCRIBED)
            .refuses(&METERED)
            .refuses(&[(429, "budget_exceeded")])
    });
    api.get("/v1/turns/{turn_id}", turns::show, || {
        Operation::new("getTurn", "A turn", &TENANT)
            .says("Admins only.")
            .path("turn_id", "Id of the turn", None)
            .answers(200, "The turn", shapes::turn())
            .refuses(&[(404, "turn_not_found")])
    });
    api.post("/v1/turns/{turn_id}/settle", turns::settle, || {
        Operation::new("settleTurn", "Count what a turn used, once", &TENANT)
            .says(
                "Admins only. After its expiry, too. The same amounts again are the same \
                settlement.",
            )
            .path("turn_id", "Id of the turn", None)
            .body(turns::parse_used)
            .answers(200, "The turn", shapes::turn())
            .refuses(&[(404, "turn_not_found"), (409, "turn_cancelled"), (409, "turn_settled")])
    });
    api.post("/v1/turns/{turn_id}/cancel", turns::cancel, || {
        Operation::new("cancelTurn", "Give a turn up", &TENANT)
            .says("Admins only. What it held is free.")
            .path("turn_id", "Id of the turn", None)
            .answers(200, "The turn", shapes::turn())
            .refuses(&[(404, "turn_not_found"), (409, "turn_expired"), (409, "turn_settled")])
    });
    api.post("/v1/turns/{turn_id}/heartbeat", turns::heartbeat, || {
        Operation::new("prolongTurn", "Give a turn more time", &TENANT)
            .says("Admins only. Without a body, as much as it was given at its begin.")
            .path("turn_id", "Id of the turn", None)
            .optional_body(turns::parse_lifetime)
            .answers(200, "The turn", shapes::turn())
            .refuses(&[
                (404, "turn_not_found"),
                (409, "turn_cancelled"),
                (409, "turn_expired"),
                (409, "turn_settled"),
            ])
    });
    api.get("/v1/turn-settings", settings::show, || {
        Operation::new("getTurnSettings", "What becomes of turns that nobody settles", &TENANT)
            .says("Admins only.")
            .answers(200, "The settings", shapes::turn_settings())
    });
    api.put("/v1/turn-settings", settings::set, || {
        Operation::new("setTurnSettings", "Set what becomes of turns that nobody settles", &TENANT)
            .says("Admins only.")
            .body(settings::parse)
            .answers(200, "The settings", shapes::turn_settings())
    });
}
