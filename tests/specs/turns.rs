//! Specifications of the limiter, of budgets, and of turns that hold their estimate (control-plane.md 5 to 7), through HTTP.
//! Their rules over time and under races are specified beside the crate, in `shared/turns/tests`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::float_cmp,
    reason = "units of capacity are multiples of a half, so floats hold them exactly"
)]

mod turns {
    mod deaths;
    mod plan;
    mod words;
}

use bespin_tests::{Actor, Request, World};
use serde_json::{Value, json};

const CP: &str = "/api/v1/admin/control-plane";

fn limiter(admin: &Actor, what: &str, lock_id: &str, policy: &Value) -> Request {
    let body = json!({"user_id": "maria", "bundle_id": "app", "lock_id": lock_id, "policy": policy});
    admin.post(&format!("{CP}/limiter/{what}")).json(&body)
}

fn turn(admin: &Actor, key: &str, policy: &Value) -> Request {
    let estimate = json!({"requests": 1, "tokens": 800, "usd": {"openai": 0.25}});
    let body = json!({"user_id": "maria", "bundle_id": "app", "policy": policy, "estimate": estimate});
    admin.post("/v1/turns").key(key).json(&body)
}

#[tokio::test]
async fn an_admission_is_answered_as_the_contract_has_it() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let policy = json!({"max_concurrent": 1, "requests_per_day": 3});

    let allowed = limiter(&admin, "admit", "turn-1", &policy).send().await.expect(200);
    assert_eq!(
        allowed,
        json!({
            "allowed": true, "reason": null, "lock_id": "turn-1", "used_replenishment": false,
            "snapshot": {
                "req_day": 0, "req_month": 0, "req_total": 0, "tok_hour": 0, "tok_day": 0, "tok_month": 0,
                "in_flight": 1,
            },
            "replenishment_needed": false, "effective_policy": null, "retry_after_seconds": null,
            "limits": [
                {"limit": "max_concurrent", "ceiling": 1, "used": 0, "held": 0, "remaining": 1, "resets_at": null},
                {
                    "limit": "requests_per_day", "ceiling": 3, "used": 0, "held": 0, "remaining": 3,
                    "resets_at": "2026-02-11T00:00:00.000000Z",
                },
            ],
            "insight": {
                "limits": {
                    "max_concurrent": 1, "requests_per_day": 3, "requests_per_month": null, "total_requests": null,
                    "tokens_per_hour": null, "tokens_per_day": null, "tokens_per_month": null,
                },
                "remaining": {
                    "requests_per_day": 3, "requests_per_month": null, "total_requests": null,
                    "tokens_per_hour": null, "tokens_per_day": null, "tokens_per_month": null,
                },
                "violations": [], "messages_remaining": 3, "retry_after_sec": null, "retry_after_hours": null,
                "retry_scope": null, "used_replenishment": false,
            },
            "expires_at": "2026-02-10T12:02:00.000000Z",
        })
    );
    let refused = limiter(&admin, "admit", "turn-2", &policy).send().await.expect(200);
    assert_eq!(
        (&refused["allowed"], &refused["reason"], &refused["lock_id"], &refused["insight"]["violations"]),
        (&json!(false), &json!("concurrency"), &Value::Null, &json!(["concurrency"]))
    );
}

#[tokio::test]
async fn a_lock_is_renewed_committed_and_released_through_either_address() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let policy = json!({"max_concurrent": 1});
    limiter(&admin, "admit", "a", &policy).send().await.expect(200);

    let renewed =
        limiter(&admin, "heartbeat", "a", &policy).at("2026-02-10T12:01:00Z").send().await.expect(200);
    assert_eq!(
        renewed,
        json!({"status": "ok", "renewed": true, "expires_at": "2026-02-10T12:03:00.000000Z"})
    );
    let body =
        json!({"user_id": "maria", "bundle_id": "app", "lock_id": "a", "tokens": 800, "commit_id": "turn"});
    let old = "/api/admin/control-plane/limiter/commit";
    let committed = admin.post(old).json(&body).send().await.expect(200);
    assert_eq!((&committed["counted"], &committed["snapshot"]["tok_hour"]), (&json!(true), &json!(800)));
    let again = admin.post(&format!("{CP}/limiter/commit")).json(&body).send().await.expect(200);
    assert_eq!((&again["counted"], &again["snapshot"]["req_day"]), (&json!(false), &json!(1)));
    let released = limiter(&admin, "release", "a", &policy).send().await.expect(200);
    assert_eq!(released["released"], 0, "the commit let go of it");
}

#[tokio::test]
async fn what_a_provider_cost_is_told_to_the_millionth() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for usd in [json!(0.004), json!(0.004), json!(0.004), json!(0)] {
        let body = json!({"bundle_id": "app", "provider": "openai", "usd": usd});
        admin.post(&format!("{CP}/budgets/commit")).json(&body).send().await.expect(200);
    }

    for (bundle, spent) in [("app", "0.012"), ("*", "0.012"), ("%2A", "0.012"), ("other", "0")] {
        let spend = admin.get(&format!("{CP}/budgets/{bundle}/openai/spend")).send().await.expect(200);
        assert_eq!(
            (spend["hour"].to_string(), spend["month"].to_string()),
            (spent.to_owned(), spent.to_owned())
        );
    }
    let body = json!({"bundle_id": "app", "provider": "openai", "usd": -3});
    assert_eq!(
        admin.post(&format!("{CP}/budgets/commit")).json(&body).send().await.faults(),
        ["greater_than_equal body.usd"]
    );
}

#[tokio::test]
async fn a_turn_goes_from_admission_to_settlement_and_a_retry_of_either_changes_nothing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let policy = json!({"tokens_per_day": 1000});

    let begun = turn(&admin, "key", &policy).send().await;
    let again = turn(&admin, "key", &policy).at("2026-02-10T12:01:00Z").send().await;
    assert_eq!((begun.status, &begun.text), (201, &again.text));
    let id = begun.json()["turn_id"].as_str().unwrap().to_owned();
    let refused = turn(&admin, "other key", &policy).send().await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    let detail = refused.detail(429);
    assert_eq!(
        (&detail["error"], &detail["denied_by"], &detail["reason"], &detail["violations"]),
        (&json!("rate_limited"), &json!("quota"), &json!("tokens_per_day"), &json!(["tokens_per_day"]))
    );
    assert_eq!(refused.header("retry-after"), Some("43200"));
    assert_eq!(
        turn(&admin, "key", &json!({})).send().await.detail(409),
        "Idempotency key 'key' was already used with a different request body"
    );

    let used = json!({"tokens": 950, "usd": {"openai": 0.3}});
    let settle = || admin.post(&format!("/v1/turns/{id}/settle")).json(&used);
    let settled = settle().send().await.expect(200);
    assert_eq!(settled["status"], "settled");
    assert_eq!(
        settled["settled"]["overshoot"],
        json!({"requests": 0, "tokens": 150, "usd": {"openai": 0.05}, "units": {}})
    );
    assert_eq!(settle().at("2026-02-10T12:05:00Z").send().await.expect(200), settled);
    assert_eq!(admin.get(&format!("/v1/turns/{id}")).send().await.expect(200), settled);
    let other = admin.post(&format!("/v1/turns/{id}/settle")).json(&json!({"tokens": 1})).send().await;
    assert_eq!((other.status, &other.json()["error"]), (409, &json!("turn_settled")));
    let cancel = admin.post(&format!("/v1/turns/{id}/cancel")).send().await;
    assert_eq!((cancel.status, &cancel.json()["error"]), (409, &json!("turn_settled")));
}

#[tokio::test]
async fn what_becomes_of_a_turn_that_nobody_settles_is_as_the_tenant_set_it() {
    for (setting, tokens) in [("charge", 800), ("free", 0)] {
        let world = World::open().await;
        let admin = world.tenant().await;
        let put = admin.request("PUT", "/v1/turn-settings").json(&json!({"at_expiry": setting}));
        assert_eq!(put.send().await.expect(200)["at_expiry"], setting);
        turn(&admin, "key", &json!({})).send().await.expect(201);

        let later =
            limiter(&admin, "admit", "a", &json!({})).at("2026-02-10T12:30:00Z").send().await.expect(200);

        assert_eq!(later["snapshot"]["tok_day"], tokens, "{setting}");
        assert_eq!(admin.get("/v1/turn-settings").send().await.expect(200)["at_expiry"], setting);
    }
}

#[tokio::test]
async fn every_bad_member_is_named() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let body = json!({
        "user_id": "", "bundle_id": "x".repeat(256), "policy": {"max_concurrent": 0, "requests_per_day": -1},
        "estimate": {"tokens": -5, "usd": {"openai": -1, "brave": "much"}, "units": {"tool_invocation": 10_000, "tokens": 1}},
        "lifetime_seconds": 0,
        "at_expiry": "later",
    });

    let refused = admin.post("/v1/turns").key("k").json(&body).send().await;

    assert_eq!(
        refused.faults(),
        [
            "string_too_short body.user_id",
            "string_too_long body.bundle_id",
            "greater_than_equal body.policy.max_concurrent",
            "greater_than_equal body.policy.requests_per_day",
            "greater_than_equal body.estimate.tokens",
            "greater_than_equal body.estimate.usd.openai",
            "float_parsing body.estimate.usd.brave",
            "less_than_equal body.estimate.units.tool_invocation",
            "value_error body.estimate.units.tokens",
            "greater_than_equal body.lifetime_seconds",
            "string_pattern_mismatch body.at_expiry",
        ]
    );
}

#[tokio::test]
async fn policies_grants_and_budgets_hold_for_limiter_and_turns() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let post = async |path: &str, body: Value| {
        admin.post(&format!("{CP}{path}")).json(&body).send().await.expect(201);
    };
    let left = async |user: &str, user_type: &str, bundle: &str| {
        let body = json!({"user_id": user, "user_type": user_type, "bundle_id": bundle, "lock_id": "l"});
        let admitted = admin.post(&format!("{CP}/limiter/admit")).json(&body).send().await.expect(200);
        admitted["insight"]["messages_remaining"].clone()
    };
    assert_eq!(left("maria", "free", "app").await, 10, "C1: the fallback");
    post("/policies/quota", json!({"user_type": "free", "requests_per_day": 10})).await;
    post("/policies/quota", json!({"user_type": "free", "bundle_id": "app", "requests_per_day": 4})).await;
    assert_eq!(
        (left("maria", "free", "app").await, left("maria", "free", "other").await),
        (json!(4), json!(10)),
        "C2"
    );
    post(
        "/replenishments/top-up",
        json!({"user_id": "maria", "bundle_id": "app", "additional_requests_per_day": 5}),
    )
    .await;
    post("/replenishments/top-up", json!({"user_id": "maria", "additional_requests_per_day": 20})).await;
    assert_eq!(
        (left("maria", "free", "app").await, left("maria", "free", "other").await),
        (json!(29), json!(30)),
        "B8, B9, C6"
    );
    assert_eq!(left("otto", "free", "other").await, 10, "another user");

    // A provider that the turn does not use may be used up; the project's ceiling holds beside the bundle's.
    post("/policies/budget", json!({"bundle_id": "app", "provider": "brave", "usd_per_day": 0})).await;
    post("/policies/budget", json!({"bundle_id": "app", "provider": "openai", "usd_per_day": 5})).await;
    post("/policies/budget", json!({"bundle_id": "*", "provider": "openai", "usd_per_day": 0.6})).await;
    let begin = |key: &str, usd: Value| {
        let body = json!({"user_id": "otto", "bundle_id": "app", "estimate": {"requests": 0, "usd": usd}});
        admin.post("/v1/turns").key(key).json(&body)
    };
    begin("a", json!({"openai": 0.5})).send().await.expect(201);
    let refused = begin("b", json!({"openai": 0.2})).send().await.detail(429);
    assert_eq!(
        (&refused["error"], &refused["denied_by"], &refused["provider"], &refused["reason"]),
        (&json!("budget_exceeded"), &json!("budget"), &json!("openai"), &json!("usd_per_day"))
    );
    begin("c", json!({"openai": 0.1})).send().await.expect(201);
    assert_eq!(begin("d", json!({"brave": 0.01})).send().await.detail(429)["provider"], "brave");
    let check = json!({"bundle_id": "app", "provider": "openai"});
    let check = admin.post(&format!("{CP}/budgets/check")).json(&check).send().await.expect(200);
    assert_eq!((&check["bundle_id"], &check["violations"]), (&json!("app"), &json!(["usd_per_day"])));
    assert_eq!(check["budgets"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_limiter_is_for_admins_of_the_tenant_for_a_key_alone_and_for_the_operator() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let body = json!({"user_id": "maria", "bundle_id": "app", "lock_id": "l"});
    let path = format!("{CP}/limiter/admit");

    assert_eq!(world.request("POST", &path).json(&body).send().await.status, 401);
    assert_eq!(admin.member().await.post(&path).json(&body).send().await.status, 403);
    let bearer = format!("Bearer {}", admin.api_key);
    world.request("POST", &path).header("authorization", bearer).json(&body).send().await.expect(200);
    let mut named = body.clone();
    named["tenant"] = json!(admin.tenant_id);
    let again = world.operator("POST", &path).json(&named).send().await.expect(200);
    assert_eq!(again["snapshot"]["in_flight"], 1, "the same lock of the same tenant");
    let stranger = world.tenant().await.post(&path).json(&named).send().await;
    assert_eq!(stranger.status, 404, "another tenant's id");
}

#[tokio::test]
async fn turns_are_the_tenants_own() {
    let world = World::open().await;
    let (admin, stranger) = (world.tenant().await, world.tenant().await);
    let begun = turn(&admin, "key", &json!({})).send().await.expect(201);
    let id = begun["turn_id"].as_str().unwrap();

    for (method, path, body) in [
        ("GET", format!("/v1/turns/{id}"), None),
        ("POST", format!("/v1/turns/{id}/settle"), Some(json!({"tokens": 1}))),
        ("POST", format!("/v1/turns/{id}/cancel"), None),
        ("POST", format!("/v1/turns/{id}/heartbeat"), None),
    ] {
        let mut request = stranger.request(method, &path);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let reply = request.send().await;
        assert_eq!(
            (reply.status, &reply.json()["error"]),
            (404, &json!("turn_not_found")),
            "{method} {path}"
        );
    }
    assert_eq!(admin.get(&format!("/v1/turns/{id}")).send().await.expect(200)["status"], "held");
}
