//! Credits of single users (control-plane.md 2; cases B).

use bespin_tests::World;
use serde_json::{Value, json};

use super::words::{at, cp, credits, daily_limit, encoded, get, set_quota, top_up};

const NOW: &str = "2026-02-01T08:00:00Z";

async fn with_base(requests_per_day: u64) -> (World, bespin_tests::Actor) {
    let world = World::open().await;
    let admin = world.tenant().await;
    set_quota(
        &admin,
        NOW,
        json!({"user_type": "free", "max_concurrent": 1, "requests_per_day": requests_per_day,
               "tokens_per_day": 1000}),
    )
    .await;
    (world, admin)
}

#[tokio::test]
async fn b5_a_trial_of_nothing_but_a_user_has_seven_days_100_requests_and_a_million_tokens() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let reply = admin
        .post(&cp("/replenishments/grant-trial"))
        .at(NOW)
        .json(&json!({"user_id": "maria"}))
        .send()
        .await;

    let trial = reply.expect(201);
    assert_eq!(
        (&trial["status"], &trial["message"]),
        (&json!("ok"), &json!("Trial bonus granted to user maria"))
    );
    let credit = &trial["replenishment"];
    assert_eq!((&credit["user_id"], &credit["bundle_id"]), (&json!("maria"), &json!("*")));
    assert_eq!(credit["additional_requests_per_day"], 100);
    assert_eq!(credit["additional_tokens_per_day"], 1000000);
    assert_eq!(at(credit["expires_at"].as_str().unwrap()), at("2026-02-08T08:00:00Z"));
    assert_eq!(credits(&admin, NOW, "maria").await[0]["purchase_notes"], "7-day trial bonus");
}

#[tokio::test]
async fn b6_a_top_up_holds_for_thirty_days_and_with_null_for_ever() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let usual = top_up(&admin, NOW, json!({"user_id": "maria"})).await;
    let for_ever = top_up(&admin, NOW, json!({"user_id": "maria", "expires_in_days": null})).await;

    assert_eq!(usual["message"], "Credits topped up for user maria");
    let end = usual["replenishment"]["expires_at"].as_str().unwrap();
    assert_eq!(at(end), at("2026-03-03T08:00:00Z"));
    assert_eq!(for_ever["replenishment"]["expires_at"], Value::Null);
    assert_eq!(credits(&admin, NOW, "maria").await[0]["purchase_notes"], "Manual top-up");
}

#[tokio::test]
async fn b7_the_end_of_a_credit_is_exclusive_also_of_what_is_remembered() {
    let (world, admin) = with_base(10).await;
    top_up(
        &admin,
        "2026-01-31T12:00:00Z",
        json!({
            "user_id": "maria", "additional_requests_per_day": 50, "expires_in_days": 1,
        }),
    )
    .await;
    let access = admin.access().await;
    let project = bespin_policies::Project::default();

    for (now, limit, adds) in [("2026-02-01T11:59:59.999999Z", 60, true), ("2026-02-01T12:00:00Z", 10, false)]
    {
        assert_eq!(daily_limit(&admin, now, "maria", "app").await, limit, "{now}");
        let additions = world.deps().grants.additions(&access, &project, "maria", "app", at(now)).await;
        assert_eq!(additions.unwrap().is_some(), adds, "{now}");
    }
}

#[tokio::test]
async fn b8_b9_credits_of_the_bundle_and_of_all_bundles_add_up() {
    let (_world, admin) = with_base(10).await;
    top_up(&admin, NOW, json!({"user_id": "maria", "bundle_id": "app", "additional_requests_per_day": 5}))
        .await;
    top_up(&admin, NOW, json!({"user_id": "maria", "additional_requests_per_day": 20})).await;

    assert_eq!(daily_limit(&admin, NOW, "maria", "app").await, 35);
    assert_eq!(daily_limit(&admin, NOW, "maria", "other").await, 30);
    assert_eq!(daily_limit(&admin, NOW, "mario", "app").await, 10, "another user");
}

#[tokio::test]
async fn b10_an_expired_credit_of_the_bundle_does_not_hide_that_of_all() {
    let (_world, admin) = with_base(10).await;
    top_up(
        &admin,
        "2026-01-01T08:00:00Z",
        json!({
            "user_id": "maria", "bundle_id": "app", "additional_requests_per_day": 5, "expires_in_days": 3,
        }),
    )
    .await;
    top_up(&admin, NOW, json!({"user_id": "maria", "additional_requests_per_day": 20})).await;

    assert_eq!(daily_limit(&admin, NOW, "maria", "app").await, 30);
}

#[tokio::test]
async fn b11_b12_each_top_up_is_a_credit_of_its_own_in_every_dimension() {
    let (_world, admin) = with_base(10).await;
    top_up(&admin, NOW, json!({"user_id": "maria", "additional_requests_per_day": 50})).await;
    top_up(&admin, NOW, json!({"user_id": "maria", "additional_requests_per_day": 20})).await;
    top_up(&admin, NOW, json!({"user_id": "mario", "additional_requests_per_day": 50})).await;
    top_up(&admin, NOW, json!({"user_id": "mario", "additional_tokens_per_day": 9000})).await;

    assert_eq!(daily_limit(&admin, NOW, "maria", "app").await, 80);
    let path = "/users/mario/quota-breakdown?user_type=free";
    let effective = get(&admin, NOW, path).await["effective_policy"].clone();
    assert_eq!((&effective["requests_per_day"], &effective["tokens_per_day"]), (&json!(60), &json!(10000)));
    assert_eq!(effective["max_concurrent"], 1, "nothing is added to it");
    assert_eq!(effective["requests_per_month"], Value::Null, "credits never limit");
}

#[tokio::test]
async fn b13_a_credit_that_was_taken_back_is_gone_and_the_next_one_holds() {
    let (_world, admin) = with_base(10).await;
    top_up(&admin, NOW, json!({"user_id": "maria", "additional_requests_per_day": 50})).await;
    top_up(&admin, NOW, json!({"user_id": "maria", "bundle_id": "app", "additional_requests_per_day": 3}))
        .await;

    for star in ["*", "%2A"] {
        let reply =
            admin.request("DELETE", &cp(&format!("/replenishments/maria/{star}"))).at(NOW).send().await;
        let message = "Replenishment deactivated for user maria";
        assert_eq!(reply.expect(200), json!({"status": "ok", "message": message}), "{star}");
    }

    assert_eq!(daily_limit(&admin, NOW, "maria", "other").await, 10);
    assert_eq!(daily_limit(&admin, NOW, "maria", "app").await, 13, "`*` is the wildcard's scope only");
    top_up(&admin, NOW, json!({"user_id": "maria", "additional_requests_per_day": 7})).await;
    assert_eq!(daily_limit(&admin, NOW, "maria", "other").await, 17);
    let listed = get(&admin, NOW, "/replenishments/user/maria?include_expired=true").await;
    assert_eq!(listed["credit_count"], 2, "what was taken back is in no list");
}

#[tokio::test]
async fn b14_to_take_back_from_an_unknown_user_is_a_success() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for path in ["/replenishments/nobody/*", "/replenishments/user/app", "/replenishments/%2F%20/x"] {
        admin.request("DELETE", &cp(path)).send().await.expect(200);
    }
}

#[tokio::test]
async fn b15_an_expired_credit_is_listed_only_when_asked_for() {
    let world = World::open().await;
    let admin = world.tenant().await;
    top_up(&admin, "2026-01-01T00:00:00Z", json!({"user_id": "maria", "expires_in_days": 3})).await;

    let valid = get(&admin, NOW, "/replenishments/user/maria").await;
    let all = get(&admin, NOW, "/replenishments/user/maria?include_expired=true").await;

    assert_eq!((&valid["credit_count"], &valid["credits"]), (&json!(0), &json!([])));
    assert_eq!(all["credit_count"], 1);
    assert_eq!(
        (&all["credits"][0]["is_expired"], &all["credits"][0]["is_active"]),
        (&json!(true), &json!(true))
    );
    let whole = get(&admin, NOW, "/replenishments?include_expired=true").await;
    assert_eq!(whole["replenishments"][0]["grant_id"], all["credits"][0]["grant_id"]);
    assert_eq!(get(&admin, NOW, "/replenishments").await["count"], 0);
}

#[tokio::test]
async fn b16_a_user_is_one_row_with_the_sum_of_all_its_scopes() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let add = async |now: &str, bundle: &str, requests: u64, tokens: u64, days: u64| {
        top_up(
            &admin,
            now,
            json!({
                "user_id": "maria", "bundle_id": bundle, "additional_requests_per_day": requests,
                "additional_tokens_per_day": tokens, "expires_in_days": days,
            }),
        )
        .await;
    };
    add("2026-04-03T00:00:00Z", "*", 100, 1000000, 30).await;
    add("2026-04-02T00:00:00Z", "app", 50, 5000000, 7).await;
    top_up(&admin, "2026-04-01T00:00:00Z", json!({"user_id": "early", "expires_in_days": null})).await;
    top_up(&admin, "2026-03-01T00:00:00Z", json!({"user_id": "over", "expires_in_days": 1})).await;

    let users = get(&admin, "2026-04-04T00:00:00Z", "/replenishments/users").await;

    assert_eq!(users["user_count"], 2, "{users}");
    let maria = &users["users"][0];
    assert_eq!(maria["user_id"], "maria");
    assert_eq!((&maria["tenant"], &maria["project"]), (&json!(admin.tenant_id), &json!("main")));
    assert_eq!(
        (&maria["credit_count"], &maria["total_additional_requests_per_day"]),
        (&json!(2), &json!(150))
    );
    assert_eq!(maria["total_additional_tokens_per_day"], 6000000);
    assert_eq!(at(maria["earliest_expiry"].as_str().unwrap()), at("2026-04-09T00:00:00Z"));
    assert_eq!(at(maria["latest_purchase"].as_str().unwrap()), at("2026-04-03T00:00:00Z"));
    let early = &users["users"][1];
    assert_eq!((&early["user_id"], &early["earliest_expiry"]), (&json!("early"), &Value::Null));
    assert_eq!(early["total_additional_requests_per_day"], Value::Null, "nobody gave it any");
}

#[tokio::test]
async fn b17_days_below_one_and_negative_numbers_are_refused_and_nothing_is_stored() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for (path, body, fault) in [
        (
            "top-up",
            json!({"user_id": "maria", "expires_in_days": 0}),
            "greater_than_equal body.expires_in_days",
        ),
        (
            "top-up",
            json!({"user_id": "maria", "expires_in_days": -1}),
            "greater_than_equal body.expires_in_days",
        ),
        (
            "top-up",
            json!({"user_id": "maria", "additional_requests_per_day": -5}),
            "greater_than_equal body.additional_requests_per_day",
        ),
        (
            "top-up",
            json!({"user_id": "maria", "purchase_amount_usd": -1}),
            "greater_than_equal body.purchase_amount_usd",
        ),
        (
            "top-up",
            json!({"user_id": "maria", "purchase_amount_usd": 1.005}),
            "decimal_max_places body.purchase_amount_usd",
        ),
        ("top-up", json!({}), "missing body.user_id"),
        ("grant-trial", json!({"user_id": "maria", "days": 0}), "greater_than_equal body.days"),
        ("grant-trial", json!({"user_id": ""}), "string_too_short body.user_id"),
        ("grant-trial", json!({"user_id": "u".repeat(256)}), "string_too_long body.user_id"),
    ] {
        let reply = admin.post(&cp(&format!("/replenishments/{path}"))).json(&body).send().await;
        assert_eq!(reply.faults(), [fault], "{path} {body}");
    }
    let all = get(&admin, "2026-02-10T12:00:00Z", "/replenishments?include_expired=true").await;
    assert_eq!(all["count"], 0);
}

#[tokio::test]
async fn a_key_grants_once_and_with_another_body_not_at_all() {
    let (_world, admin) = with_base(10).await;
    let send = async |key: &str, body: Value| {
        admin.post(&cp("/replenishments/top-up")).key(key).at(NOW).json(&body).send().await
    };
    let body = json!({"user_id": "maria", "additional_requests_per_day": 5});

    let first = send("order-1", body.clone()).await;
    let again = send("order-1", body.clone()).await;
    let other = send("order-1", json!({"user_id": "maria", "additional_requests_per_day": 6})).await;
    let next = send("order-2", body).await;

    assert_eq!((first.status, again.status, next.status), (201, 201, 201));
    assert_eq!(first.text, again.text);
    assert_ne!(first.text, next.text);
    assert_eq!(other.detail(409), "Idempotency key 'order-1' was already used with a different request body");
    assert_eq!(daily_limit(&admin, NOW, "maria", "app").await, 20);
    let later = "2026-02-08T08:00:01Z";
    let reply = admin.post(&cp("/replenishments/top-up")).key("order-1").at(later);
    reply.json(&json!({"user_id": "maria", "additional_requests_per_day": 1})).send().await.expect(201);
    assert_eq!(daily_limit(&admin, later, "maria", "app").await, 21, "after seven days the key is free");
}

#[tokio::test]
async fn a_user_has_a_hundred_credits_at_the_same_time_and_a_repeat_is_still_answered() {
    let (_world, admin) = with_base(10).await;
    let one = json!({"user_id": "maria", "additional_requests_per_day": 1, "expires_in_days": 1});
    let first = admin.post(&cp("/replenishments/top-up")).key("first").at(NOW).json(&one).send().await;
    for _ in 1..100 {
        top_up(&admin, NOW, one.clone()).await;
    }

    let beyond = admin.post(&cp("/replenishments/top-up")).at(NOW).json(&one).send().await;
    let again = admin.post(&cp("/replenishments/top-up")).key("first").at(NOW).json(&one).send().await;

    assert_eq!(beyond.detail(409), "A user has at most 100 credits that hold at the same time");
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(daily_limit(&admin, NOW, "maria", "app").await, 110);
    // Those that are over make room.
    top_up(&admin, "2026-02-02T08:00:00Z", one).await;
    assert_eq!(daily_limit(&admin, "2026-02-02T08:00:00Z", "maria", "app").await, 11);

    // A hundred are taken back in several transactions.
    admin
        .request("DELETE", &cp("/replenishments/maria/*"))
        .at("2026-02-02T08:00:00Z")
        .send()
        .await
        .expect(200);
    assert_eq!(daily_limit(&admin, "2026-02-02T08:00:00Z", "maria", "app").await, 10);
}

#[tokio::test]
async fn many_credits_of_a_scope_are_all_taken_back() {
    let (_world, admin) = with_base(10).await;
    for _ in 0..75 {
        top_up(
            &admin,
            NOW,
            json!({
                "user_id": "maria", "additional_requests_per_day": 1, "purchase_amount_usd": 2.5,
            }),
        )
        .await;
    }
    assert_eq!(super::words::revenue(&admin, NOW).await["purchase_count"], 75);

    admin.request("DELETE", &cp("/replenishments/maria/*")).at(NOW).send().await.expect(200);

    assert_eq!(credits(&admin, NOW, "maria").await.len(), 0);
    let revenue = super::words::revenue(&admin, NOW).await;
    assert_eq!((&revenue["purchase_count"], &revenue["total_revenue"]), (&json!(0), &Value::Null));
    assert_eq!((&revenue["refund_count"], &revenue["refund_total"]), (&json!(75), &json!(-187.5)));
    for report in ["active-credits", "expired", "expiring-soon?days=60"] {
        assert_eq!(get(&admin, NOW, &format!("/reports/{report}")).await["count"], 0, "{report}");
    }
}

/// Names may hold anything, and none of them reaches into another's.
#[tokio::test]
async fn names_of_any_characters_stand_for_themselves() {
    let (_world, admin) = with_base(10).await;
    let awkward =
        ["a#b", "a:b", "a", "~", " ", "é", "T#x", "用户", "a/b?c=d%&", "=a", "!a", &"ä".repeat(255)];
    for (place, user) in awkward.iter().enumerate() {
        top_up(
            &admin,
            NOW,
            json!({
                "user_id": user, "bundle_id": user, "additional_requests_per_day": place + 1,
            }),
        )
        .await;
    }
    for (place, user) in awkward.iter().enumerate() {
        let listed = credits(&admin, NOW, &encoded(user)).await;
        assert_eq!((listed.len(), &listed[0]["user_id"]), (1, &json!(user)), "{user}");
        let limit = daily_limit(&admin, NOW, user, user).await;
        assert_eq!(limit, place + 11, "{user}");
        assert_eq!(daily_limit(&admin, NOW, user, "app").await, 10, "{user}");
    }
    assert_eq!(get(&admin, NOW, "/replenishments/users").await["user_count"], awkward.len());
}

#[tokio::test]
async fn projects_of_a_tenant_know_nothing_of_each_other() {
    let (_world, admin) = with_base(10).await;
    top_up(&admin, NOW, json!({"user_id": "maria", "project": "side", "additional_requests_per_day": 5}))
        .await;

    assert_eq!(credits(&admin, NOW, "maria").await.len(), 0);
    assert_eq!(get(&admin, NOW, "/replenishments/user/maria?project=side").await["credit_count"], 1);
    let reply =
        admin.get(&cp("/users/maria/quota-breakdown?user_type=free&project=side")).at(NOW).send().await;
    assert_eq!(reply.detail(404), "No policy found for user_type=free, bundle_id=*");
}

#[tokio::test]
async fn every_list_leads_on_by_its_cursor_to_each_row_once() {
    let (_world, admin) = with_base(10).await;
    for minute in 0..7 {
        let now = format!("2026-01-20T08:0{minute}:00Z");
        top_up(
            &admin,
            &now,
            json!({"user_id": format!("user-{}", minute % 4), "expires_in_days": 1 + minute * 5}),
        )
        .await;
        set_quota(&admin, &now, json!({"user_type": format!("kind-{minute}")})).await;
        let budget = json!({"bundle_id": "app", "provider": format!("p{minute}"), "usd_per_day": 1});
        admin.post(&cp("/policies/budget")).at(&now).json(&budget).send().await.expect(201);
    }
    admin.request("DELETE", &cp("/policies/quota/kind-3/*")).at(NOW).send().await.expect(200);
    for (path, rows, id, count) in [
        ("/replenishments?", "replenishments", "grant_id", 4),
        ("/replenishments?include_expired=true&", "replenishments", "grant_id", 7),
        ("/replenishments?include_expired=true&user_id=user-1&", "replenishments", "grant_id", 2),
        ("/replenishments/user/user-2?include_expired=true&", "credits", "grant_id", 2),
        ("/replenishments/user/user-0?", "credits", "grant_id", 1),
        ("/replenishments/users?", "users", "user_id", 4),
        ("/policies/quota?", "policies", "user_type", 7),
        ("/policies/budget?", "policies", "provider", 7),
        ("/reports/active-credits?", "rows", "grant_id", 4),
        ("/reports/expiring-soon?days=90&", "rows", "grant_id", 4),
        ("/reports/expired?", "rows", "grant_id", 3),
        ("/reports/quota-policies?", "rows", "user_type", 7),
        ("/reports/budget-policies?", "rows", "provider", 7),
    ] {
        let whole = get(&admin, NOW, path.trim_end_matches(['?', '&'])).await;
        let ids = |page: &Value| -> Vec<Value> {
            page[rows].as_array().unwrap().iter().map(|row| row[id].clone()).collect()
        };
        assert_eq!((ids(&whole).len(), &whole["next_cursor"]), (count, &Value::Null), "{path}");
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&admin, NOW, &format!("{path}limit=1{cursor}")).await;
            paged.extend(ids(&page));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
            assert!(paged.len() <= count, "{path}");
        }
        assert_eq!(paged, ids(&whole), "{path}");
        let made_up = admin.get(&cp(&format!("{path}cursor=AAAA"))).at(NOW).send().await;
        assert_eq!(made_up.faults(), ["value_error query.cursor"], "{path}");
    }
}
