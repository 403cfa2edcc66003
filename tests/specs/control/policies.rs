//! Quota and budget policies, and how soon a change shows (control-plane.md 3, 4, 8; cases C).

use std::sync::Arc;

use bespin_policies::{Budget, BudgetWindow, Dimension, EVERY_BUNDLE, Project, Quotas};
use bespin_primitives::{Micros, OsRandom};
use bespin_table::{Change, Condition, Transaction, keys};
use bespin_testing::StoppedClock;
use bespin_tests::World;
use bespin_turns::{Allowed, LockOrder, Subject};
use serde_json::{Value, json};

use super::words::{at, cp, daily_limit, get, set_quota, top_up, world_at};

const NOW: &str = "2026-02-10T12:00:00Z";

#[tokio::test]
async fn c1_without_any_policy_one_turn_ten_requests_and_100_000_tokens_a_day_hold() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let access = admin.access().await;

    let quotas = world.deps().policies.quota_for(&access, &Project::default(), "free", "app").await.unwrap();

    assert_eq!(quotas, None);
    let fallback = Quotas::default()
        .with(Dimension::MaxConcurrent, Some(1))
        .with(Dimension::RequestsPerDay, Some(10))
        .with(Dimension::TokensPerDay, Some(100_000));
    assert_eq!(Allowed::new(quotas, None).effective(), fallback);
}

#[tokio::test]
async fn c2_the_policy_of_the_bundle_comes_before_that_of_all_and_they_are_not_merged() {
    let world = World::open().await;
    let admin = world.tenant().await;
    set_quota(&admin, NOW, json!({"user_type": "free", "requests_per_day": 10, "tokens_per_day": 500})).await;
    set_quota(&admin, NOW, json!({"user_type": "free", "bundle_id": "app", "requests_per_day": 4})).await;
    let access = admin.access().await;

    assert_eq!(daily_limit(&admin, NOW, "maria", "app").await, 4);
    assert_eq!(daily_limit(&admin, NOW, "maria", "other").await, 10);
    let of_app = world.deps().policies.quota_for(&access, &Project::default(), "free", "app").await.unwrap();
    assert_eq!(of_app, Some(Quotas::default().with(Dimension::RequestsPerDay, Some(4))));

    admin.request("DELETE", &cp("/policies/quota/free/app")).send().await.expect(200);
    assert_eq!(daily_limit(&admin, NOW, "maria", "app").await, 10, "one that does not hold hides nothing");
}

#[tokio::test]
async fn c3_numbers_that_are_not_given_stay_and_unset_takes_them_off() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let first = set_quota(
        &admin,
        NOW,
        json!({
            "user_type": "free", "requests_per_day": 10, "tokens_per_day": 5000, "notes": "start",
        }),
    )
    .await;
    assert_eq!(first["message"], "Quota policy set for free");
    assert_eq!(first["policy"]["created_by"], admin.user_id);

    let second = set_quota(
        &admin,
        NOW,
        json!({
            "user_type": "free", "requests_per_month": 90, "tokens_per_day": null,
        }),
    )
    .await;
    let third = set_quota(&admin, NOW, json!({"user_type": "free", "unset": ["requests_per_month"]})).await;

    let policy = &second["policy"];
    assert_eq!((&policy["requests_per_day"], &policy["tokens_per_day"]), (&json!(10), &json!(5000)));
    assert_eq!((&policy["requests_per_month"], &policy["notes"]), (&json!(90), &Value::Null));
    assert_eq!(third["policy"]["requests_per_month"], Value::Null);
    let listed = get(&admin, NOW, "/policies/quota").await;
    assert_eq!((&listed["count"], &listed["policies"][0]), (&json!(1), &third["policy"]));
    for name in Dimension::ALL.map(Dimension::name) {
        assert!(third["policy"].get(name).is_some(), "{name}");
    }
    let both = json!({"user_type": "free", "requests_per_day": 1, "unset": ["requests_per_day"]});
    let reply = admin.post(&cp("/policies/quota")).json(&both).send().await;
    assert_eq!(reply.faults(), ["value_error body.unset"]);
}

#[tokio::test]
async fn c4_c6_what_the_writing_process_changes_shows_in_its_next_call() {
    let (world, _clock) = world_at(NOW).await;
    let admin = world.tenant().await;
    let access = admin.access().await;
    let (policies, grants) = (&world.deps().policies, &world.deps().grants);
    let project = Project::default();
    let limit = async || {
        let base = policies.quota_for(&access, &project, "free", "app").await.unwrap();
        let granted = grants.additions(&access, &project, "maria", "app", at(NOW)).await.unwrap();
        Allowed::new(base, granted).effective().get(Dimension::RequestsPerDay)
    };
    assert_eq!(limit().await, Some(10), "the fallback; that there is nothing is remembered");

    set_quota(&admin, NOW, json!({"user_type": "free", "requests_per_day": 3})).await;
    assert_eq!(limit().await, Some(3));
    top_up(&admin, NOW, json!({"user_id": "maria", "additional_requests_per_day": 20})).await;
    assert_eq!(limit().await, Some(23), "a credit of all bundles, of a user remembered under one");
    admin.request("DELETE", &cp("/replenishments/maria/*")).send().await.expect(200);
    assert_eq!(limit().await, Some(3));
    admin.request("DELETE", &cp("/policies/quota/free/*")).send().await.expect(200);
    assert_eq!(limit().await, Some(10));
    set_quota(&admin, NOW, json!({"user_type": "free", "requests_per_month": 7})).await;
    assert_eq!(limit().await, Some(3), "set again, it holds again with what it had");
}

#[tokio::test]
async fn c5_what_another_process_changes_shows_within_five_seconds() {
    let (world, _) = world_at(NOW).await;
    let admin = world.tenant().await;
    let access = admin.access().await;
    let clock = StoppedClock::at(at(NOW));
    let other = world.another(Arc::new(clock.clone()), Arc::new(OsRandom));
    let project = Project::default();
    let seen = async || {
        let deps = other.deps();
        let quotas = deps.policies.quota_for(&access, &project, "free", "app").await.unwrap();
        let budgets = deps.policies.budgets_for(&access, &project, "app").await.unwrap();
        let added = deps.grants.additions(&access, &project, "maria", "app", at(NOW)).await.unwrap();
        (quotas.is_some(), budgets.len(), added.is_some())
    };
    assert_eq!(seen().await, (false, 0, false));

    set_quota(&admin, NOW, json!({"user_type": "free", "requests_per_day": 3})).await;
    top_up(&admin, NOW, json!({"user_id": "maria", "additional_requests_per_day": 20})).await;
    let budget = json!({"bundle_id": "app", "provider": "openai", "usd_per_day": 1});
    admin.post(&cp("/policies/budget")).json(&budget).send().await.expect(201);

    clock.advance_seconds(4);
    assert_eq!(seen().await, (false, 0, false));
    clock.advance_seconds(1);
    assert_eq!(seen().await, (true, 1, true));
}

#[tokio::test]
async fn a_process_can_be_told_to_forget() {
    let (world, _) = world_at(NOW).await;
    let admin = world.tenant().await;
    let access = admin.access().await;
    let other = world.another(Arc::new(StoppedClock::at(at(NOW))), Arc::new(OsRandom));
    let quota =
        async || other.deps().policies.quota_for(&access, &Project::default(), "free", "app").await.unwrap();
    assert_eq!(quota().await, None);
    set_quota(&admin, NOW, json!({"user_type": "free", "requests_per_day": 3})).await;
    assert_eq!(quota().await, None);

    let there = other.actor(&admin.tenant_id, &admin.user_id, &admin.api_key);
    let reply = there.post(&cp("/clear-cache")).send().await.expect(200);

    assert_eq!(reply, json!({"status": "ok", "message": "Control plane cache cleared"}));
    assert!(quota().await.is_some());
}

#[tokio::test]
async fn c7_the_breakdown_tells_what_is_granted_used_and_left() {
    let world = World::open().await;
    let admin = world.tenant().await;
    set_quota(&admin, NOW, json!({"user_type": "free", "max_concurrent": 2, "requests_per_day": 10})).await;
    top_up(
        &admin,
        NOW,
        json!({
            "user_id": "maria", "additional_requests_per_day": 30, "expires_in_days": 3, "notes": "spring",
        }),
    )
    .await;
    let turns = &world.deps().turns;
    let access = admin.access().await;
    let project = Project::default();
    for (bundle, requests) in [("app", 8), ("other", 2)] {
        let subject = Subject { user_id: "maria".into(), bundle_id: bundle.into(), session_id: None };
        for _ in 0..requests {
            turns.commit(&access, &project, &subject, 100, (None, None), at(NOW)).await.unwrap();
        }
        let lock = LockOrder { lock_id: bundle, until: at("2026-02-10T12:01:00Z") };
        turns.admit(&access, &project, &subject, &Allowed::new(None, None), lock, at(NOW)).await.unwrap();
    }

    let of_app = get(&admin, NOW, "/users/maria/quota-breakdown?user_type=free&bundle_id=app").await;
    let of_all = get(&admin, NOW, "/users/maria/quota-breakdown?user_type=free").await;

    assert_eq!(of_app["base_policy"]["requests_per_day"], 10);
    assert_eq!(of_app["effective_policy"]["requests_per_day"], 40);
    assert_eq!(of_app["replenishment"]["additional_requests_per_day"], 30);
    assert_eq!(of_app["replenishment"]["has_credits"], true);
    assert_eq!(of_app["replenishment"]["purchase_notes"], "spring");
    assert_eq!(of_app["replenishment"]["additional_tokens_per_day"], Value::Null);
    let usage = &of_app["current_usage"];
    assert_eq!(
        (&usage["requests_today"], &usage["tokens_today"], &usage["concurrent"]),
        (&json!(8), &json!(800), &json!(1))
    );
    let remaining = &of_app["remaining"];
    assert_eq!((&remaining["requests_today"], &remaining["tokens_today"]), (&json!(32), &Value::Null));
    assert_eq!(remaining["percentage_used"].to_string(), "20.0");
    assert_eq!(of_all["current_usage"]["requests_today"], 10, "`*` is all bundles together");
    let later = get(&admin, "2026-02-10T12:01:00Z", "/users/maria/quota-breakdown?user_type=free").await;
    assert_eq!(later["current_usage"]["concurrent"], 0, "locks end by themselves");
    let nobody = get(&admin, NOW, "/users/nobody/quota-breakdown?user_type=free").await;
    assert_eq!(nobody["replenishment"], Value::Null);
}

#[tokio::test]
async fn c8_the_breakdown_of_an_unknown_kind_of_user_is_404_and_of_none_422() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let unknown = admin.get(&cp("/users/maria/quota-breakdown?user_type=gold&bundle_id=app")).send().await;
    let none = admin.get(&cp("/users/maria/quota-breakdown")).send().await;

    assert_eq!(unknown.detail(404), "No policy found for user_type=gold, bundle_id=app");
    assert_eq!(none.faults(), ["missing query.user_type"]);
}

#[tokio::test]
async fn c9_policies_without_a_name_and_with_senseless_numbers_are_refused() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for (kind, body, faults) in [
        ("quota", json!({"requests_per_day": 5}), vec!["missing body.user_type"]),
        (
            "quota",
            json!({"user_type": "free", "requests_per_day": -1, "max_concurrent": 0}),
            vec!["greater_than_equal body.max_concurrent", "greater_than_equal body.requests_per_day"],
        ),
        (
            "quota",
            json!({"user_type": "free", "unset": ["requests"]}),
            vec!["string_pattern_mismatch body.unset.0"],
        ),
        ("budget", json!({"usd_per_day": 5}), vec!["missing body.bundle_id", "missing body.provider"]),
        (
            "budget",
            json!({"bundle_id": "app", "provider": "openai", "usd_per_hour": -0.5, "usd_per_day": 100000000}),
            vec!["greater_than_equal body.usd_per_hour", "less_than_equal body.usd_per_day"],
        ),
    ] {
        let reply = admin.post(&cp(&format!("/policies/{kind}"))).json(&body).send().await;
        assert_eq!(reply.faults(), faults, "{body}");
        assert_eq!(get(&admin, NOW, &format!("/policies/{kind}")).await["count"], 0, "{body}");
    }
}

#[tokio::test]
async fn a_budget_is_of_a_bundle_or_a_ceiling_over_the_whole_project() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let set = async |body: Value| {
        admin.post(&cp("/policies/budget")).json(&body).send().await.expect(201)["policy"].clone()
    };
    let first = set(json!({"bundle_id": "writer", "provider": "openai", "usd_per_day": 75.5})).await;
    let merged = set(json!({"bundle_id": "writer", "provider": "openai", "usd_per_hour": 0})).await;
    let whole = set(json!({"bundle_id": "", "provider": "openai", "usd_per_month": 1000})).await;
    set(json!({"bundle_id": "*", "provider": "brave", "usd_per_day": 0.01})).await;

    assert_eq!((&first["bundle_id"], &first["usd_per_day"]), (&json!("writer"), &json!(75.5)));
    assert_eq!((&merged["usd_per_day"], &merged["usd_per_hour"]), (&json!(75.5), &json!(0)), "0 is 0");
    assert_eq!(whole["bundle_id"], "*", "the stored scope is echoed");
    let access = admin.access().await;
    let budgets = async |bundle: &str| {
        let all = world.deps().policies.budgets_for(&access, &Project::default(), bundle).await.unwrap();
        all.into_iter().map(|of| (of.bundle_id, of.provider, of.budget)).collect::<Vec<_>>()
    };
    let dollars = |millionths| Some(Micros::new(millionths));
    let brave =
        ("*".to_owned(), "brave".to_owned(), Budget::default().with(BudgetWindow::Day, dollars(10_000)));
    let all_openai = (
        "*".to_owned(),
        "openai".to_owned(),
        Budget::default().with(BudgetWindow::Month, dollars(1_000_000_000)),
    );
    let writer =
        Budget::default().with(BudgetWindow::Hour, dollars(0)).with(BudgetWindow::Day, dollars(75_500_000));
    assert_eq!(
        budgets("writer").await,
        [brave.clone(), ("writer".to_owned(), "openai".to_owned(), writer), all_openai.clone()]
    );
    assert_eq!(budgets("reader").await, [brave.clone(), all_openai.clone()]);
    assert_eq!(budgets(EVERY_BUNDLE).await, [brave.clone(), all_openai]);

    let gone = admin.request("DELETE", &cp("/policies/budget/*/openai")).send().await.expect(200);
    assert_eq!(gone["message"], "Budget policy deactivated for openai");
    admin.request("DELETE", &cp("/policies/budget/*/openai")).send().await.expect(200);
    assert_eq!(budgets("reader").await, [brave]);
    assert_eq!(get(&admin, NOW, "/policies/budget").await["count"], 2);
}

#[tokio::test]
async fn a_bundle_has_budgets_for_a_hundred_providers_at_the_same_time() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let set = async |provider: String| {
        let body = json!({"bundle_id": "app", "provider": provider, "usd_per_day": 1});
        admin.post(&cp("/policies/budget")).json(&body).send().await
    };
    for number in 0..100 {
        set(format!("p{number}")).await.expect(201);
    }

    assert_eq!(set("beyond".to_owned()).await.detail(409), "A bundle has budgets for at most 100 providers");
    set("p7".to_owned()).await.expect(201);
    admin.request("DELETE", &cp("/policies/budget/app/p7")).send().await.expect(200);
    set("beyond".to_owned()).await.expect(201);
}

#[tokio::test]
async fn a_project_has_a_thousand_policies_of_each_kind() {
    let world = World::open().await;
    let admin = world.tenant().await;
    set_quota(&admin, NOW, json!({"user_type": "kind-1", "requests_per_day": 1})).await;
    // As if 998 more had been set.
    let tenant_id = admin.access().await.tenant_id();
    let mut transaction = Transaction::new();
    let more = Change::default().add("quotas", &998u64);
    transaction.update(keys::policy_counts(tenant_id, "main"), more, Condition::present());
    world.deps().table.commit(transaction).await.unwrap();
    set_quota(&admin, NOW, json!({"user_type": "kind-1000"})).await;

    let reply = admin.post(&cp("/policies/quota")).json(&json!({"user_type": "beyond"})).send().await;

    assert_eq!(reply.detail(409), "A project has at most 1000 quota policies");
    set_quota(&admin, NOW, json!({"user_type": "kind-1", "requests_per_day": 2})).await;
    set_quota(&admin, NOW, json!({"user_type": "beyond", "project": "side"})).await;
    let budget = json!({"bundle_id": "app", "provider": "openai"});
    admin.post(&cp("/policies/budget")).json(&budget).send().await.expect(201);
}

#[tokio::test]
async fn lists_read_all_policies_of_a_project_however_much_they_note() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let notes = "\u{1f4b0}".repeat(1000);
    for number in 0..300 {
        set_quota(&admin, NOW, json!({"user_type": format!("kind-{number}"), "notes": notes})).await;
    }

    assert_eq!(
        get(&admin, NOW, "/policies/quota?limit=1000").await["count"],
        300,
        "more than a page of the store"
    );
}
