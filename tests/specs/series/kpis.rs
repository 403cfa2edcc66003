//! KPI definitions: making them and listing them (gateway.md 6.1, 6.4).

use bespin_entitlements::{Capability, SubscriptionStatus};
use bespin_metering::MeteredEvent;
use bespin_primitives::Micros;
use bespin_tests::{Actor, Reply, World};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::words::{entries, include_credits};

async fn create(actor: &Actor, body: Value) -> Reply {
    actor.post("/v1/kpis").json(&body).send().await
}

async fn list(actor: &Actor, query: &str) -> Reply {
    actor.get(&format!("/v1/kpis{query}")).send().await
}

/// The names of a page.
async fn listed(actor: &Actor, query: &str) -> Vec<String> {
    let page = list(actor, query).await.expect(200);
    page.as_array().unwrap().iter().map(|kpi| kpi["name"].as_str().unwrap().to_owned()).collect()
}

/// KPIs named `0`, `1` and so on, each a second younger than the one before.
async fn kpis_in_order(actor: &Actor, count: u32) {
    for number in 0..count {
        let now = format!("2026-02-10T12:{:02}:{:02}Z", number / 60, number % 60);
        let body = json!({"name": number.to_string()});
        actor.post("/v1/kpis").at(&now).json(&body).send().await.expect(201);
    }
}

#[tokio::test]
async fn a_new_definition_is_answered_201_with_its_four_members() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let full =
        create(&admin, json!({"name": "MRR", "unit": "GBP", "description": "every month"})).await.expect(201);
    let bare = create(&admin, json!({"name": "Churn", "unit": null, "more": 1})).await.expect(201);

    assert_eq!(full["kpi_id"].as_str().unwrap().len(), 36);
    assert_eq!(
        full,
        json!({"kpi_id": full["kpi_id"], "name": "MRR", "unit": "GBP", "description": "every month"})
    );
    assert_eq!(bare, json!({"kpi_id": bare["kpi_id"], "name": "Churn", "unit": null, "description": null}));
}

#[tokio::test]
async fn names_may_repeat_and_nothing_is_trimmed() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let one = create(&admin, json!({"name": "  ", "unit": ""})).await.expect(201);
    let other = create(&admin, json!({"name": "  "})).await.expect(201);

    assert_ne!(one["kpi_id"], other["kpi_id"]);
    assert_eq!((&one["name"], &one["unit"]), (&json!("  "), &json!("")));
    assert_eq!(listed(&admin, "").await, ["  ", "  "]);
}

#[tokio::test]
async fn lengths_count_code_points() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let of = |name: usize, unit: usize, description: usize| json!({"name": "😀".repeat(name), "unit": "é".repeat(unit), "description": "\0".repeat(description)});

    let longest = create(&admin, of(255, 50, 4096)).await.expect(201);
    let longer = create(&admin, of(256, 51, 4097)).await;

    assert_eq!(longest["description"].as_str().unwrap().len(), 4096);
    assert_eq!(
        longer.faults(),
        ["string_too_long body.name", "string_too_long body.unit", "string_too_long body.description"]
    );
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for (body, faults) in [
        (json!({}), vec!["missing body.name"]),
        (json!({"name": ""}), vec!["string_too_short body.name"]),
        (json!({"name": null}), vec!["string_type body.name"]),
        (
            json!({"name": 1, "unit": 2, "description": []}),
            vec!["string_type body.name", "string_type body.unit", "string_type body.description"],
        ),
        (json!([]), vec!["model_attributes_type body"]),
        (json!(null), vec!["missing body"]),
    ] {
        assert_eq!(create(&admin, body.clone()).await.faults(), faults, "{body}");
    }
    let broken = admin.post("/v1/kpis").body("{\"name\": ").send().await;
    assert_eq!(broken.faults(), ["json_invalid body.9"]);
    assert_eq!(listed(&admin, "").await.len(), 0);
}

#[tokio::test]
async fn a_definition_is_metered_as_one_unit_of_no_tool_and_not_audited() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let reply = create(&admin, json!({"name": "MRR"})).await;

    let entries = entries(&world, &admin, MeteredEvent::KpiDefinitionCreated).await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.raw_units, entry.credits.micros()), (1, 500_000));
    assert_eq!((&entry.tool_name, &entry.action), (&None, &None));
    assert_eq!(Some(entry.request_id.to_string().as_str()), reply.header("x-request-id"));
    assert_eq!(entry.user_id.to_string(), admin.user_id);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 1);
}

#[tokio::test]
async fn without_credits_no_definition_is_made() {
    let world = World::open().await;
    let admin = world.tenant().await;
    include_credits(&world, &admin, 1).await;
    create(&admin, json!({"name": "a"})).await.expect(201);
    create(&admin, json!({"name": "b"})).await.expect(201);

    let refused = create(&admin, json!({"name": "c"})).await;

    let detail = refused.detail(429);
    assert_eq!(detail["error"], "quota_exceeded");
    assert_eq!(detail["event_key"], "kpi_definition_created");
    assert_eq!((detail["limit_credits"].as_f64(), detail["used_credits"].as_f64()), (Some(1.0), Some(1.0)));
    assert_eq!(detail["requested_credits"].as_f64(), Some(0.5));
    assert_eq!((&detail["cap_raw_units"], &detail["requested_raw_units"]), (&Value::Null, &json!(1)));
    assert_eq!(refused.json()["limit_credits"], detail["limit_credits"], "the members stand at the top, too");
    assert_eq!(refused.cost().write_units, 0.0);
    assert_eq!(listed(&admin, "").await.len(), 2);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 2);
}

#[tokio::test]
async fn a_cap_on_definitions_holds_and_says_so() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let event = MeteredEvent::KpiDefinitionCreated.key().to_owned();
    world
        .set_plan(&admin, |plan| {
            plan.caps.insert(event, Micros::new(1_000_000));
        })
        .await;
    create(&admin, json!({"name": "a"})).await.expect(201);

    let detail = create(&admin, json!({"name": "b"})).await.detail(429);

    assert_eq!((&detail["cap_raw_units"], &detail["used_raw_units"]), (&json!(1), &json!(1)));
    assert_eq!(detail["requested_raw_units"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_definitions_never_pass_the_credits() {
    let world = World::open().await;
    let admin = world.tenant().await;
    include_credits(&world, &admin, 5).await;

    let callers = (0..20).map(|number| {
        let admin = admin.clone();
        tokio::spawn(async move { create(&admin, json!({"name": number.to_string()})).await.status })
    });
    let mut statuses: Vec<u16> = join_all(callers).await.into_iter().map(Result::unwrap).collect();

    statuses.sort_unstable();
    assert_eq!(statuses, [[201; 10], [429; 10]].concat());
    assert_eq!(listed(&admin, "").await.len(), 10);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 10);
}

#[tokio::test]
async fn an_event_that_is_switched_off_is_a_400() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.change_event(MeteredEvent::KpiDefinitionCreated, |event| event.active = false).await;

    let detail = create(&admin, json!({"name": "MRR"})).await.detail(400);

    assert_eq!(detail["error"], "unknown_event_type");
    assert_eq!(detail["event_key"], "kpi_definition_created");
}

#[tokio::test]
async fn schema_then_role_then_subscription_then_capability_then_quota() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    world
        .set_plan(&admin, |plan| {
            plan.included_credits = 0;
            plan.capabilities.remove(&Capability::KpiIngest);
        })
        .await;
    world.set_status(&admin, SubscriptionStatus::Suspended).await;
    let good = json!({"name": "MRR"});

    assert_eq!(create(&member, json!({})).await.faults(), ["missing body.name"]);
    assert_eq!(
        create(&member, good.clone()).await.detail(403),
        "Role 'member' is not authorized to create KPIs"
    );
    assert_eq!(create(&admin, good.clone()).await.detail(403)["error"], "subscription_suspended");
    world.set_status(&admin, SubscriptionStatus::Active).await;
    let denied = create(&admin, good.clone()).await.detail(403);
    assert_eq!(
        (&denied["error"], &denied["capability_key"]),
        (&json!("capability_denied"), &json!("kpi_ingest"))
    );
    include_credits(&world, &admin, 0).await;
    assert_eq!(create(&admin, good).await.detail(429)["error"], "quota_exceeded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_a_definition_is_made_and_charged_once() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let keyed = |name: &str| admin.post("/v1/kpis").key("k").json(&json!({"name": name}));

    let callers = (0..10).map(|_| tokio::spawn(keyed("MRR").send()));
    let replies: Vec<Reply> = join_all(callers).await.into_iter().map(Result::unwrap).collect();

    assert!(replies.iter().all(|reply| reply.text == replies[0].text && reply.status == 201), "{replies:?}");
    assert_eq!(
        keyed("Churn").send().await.detail(409),
        "Idempotency key 'k' was already used with a different request body"
    );
    assert_eq!(listed(&admin, "").await, ["MRR"]);
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 1);
}

#[tokio::test]
async fn the_list_is_a_bare_array_newest_first_and_a_member_may_read_it() {
    let world = World::open().await;
    let admin = world.tenant().await;
    assert_eq!(list(&admin, "").await.text, "[]");
    kpis_in_order(&admin, 3).await;
    let oldest = list(&admin, "?offset=2").await.expect(200);

    assert_eq!(listed(&admin.member().await, "").await, ["2", "1", "0"]);
    assert_eq!(oldest.as_array().unwrap().len(), 1);
    assert_eq!(
        oldest[0],
        json!({"kpi_id": oldest[0]["kpi_id"], "name": "0", "unit": null, "description": null})
    );
}

#[tokio::test]
async fn a_page_has_100_kpis_unless_asked_for_1_to_500() {
    let world = World::open().await;
    let admin = world.tenant().await;
    kpis_in_order(&admin, 101).await;

    for (query, count) in [
        ("", 100),
        ("?limit=101", 101),
        ("?limit=500", 101),
        ("?limit=501", 101),
        ("?limit=99999999999999999999999", 101),
        ("?limit=1", 1),
        ("?limit=0", 1),
        ("?limit=-5", 1),
        ("?limit=-99999999999999999999999", 1),
        ("?limit=2.0", 2),
        ("?limit=3&limit=4", 4),
        ("?offset=-1", 100),
        ("?offset=1", 100),
        ("?offset=2", 99),
        ("?offset=100", 1),
        ("?offset=101", 0),
        ("?offset=9223372036854775807", 0),
        ("?offset=99999999999999999999999", 0),
        ("?limit=500&offset=9223372036854775807", 0),
    ] {
        assert_eq!(listed(&admin, query).await.len(), count, "{query}");
    }
    assert_eq!(listed(&admin, "?limit=2&offset=3").await, ["97", "96"]);
}

#[tokio::test]
async fn a_limit_or_offset_that_is_no_integer_is_a_422() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for query in ["?limit=ten", "?limit=1.5", "?limit=0x10"] {
        assert_eq!(list(&admin, query).await.faults(), ["int_parsing query.limit"], "{query}");
    }
    assert_eq!(
        list(&admin, "?offset=b&limit=a&cursor=c").await.faults(),
        ["int_parsing query.limit", "int_parsing query.offset", "value_error query.cursor"]
    );
}

#[tokio::test]
async fn the_cursor_walks_all_kpis_exactly_once() {
    let world = World::open().await;
    let admin = world.tenant().await;
    kpis_in_order(&admin, 23).await;

    for (limit, pages) in [(1, 23), (7, 4), (10, 3), (23, 1), (100, 1)] {
        let (mut walked, mut full_pages, mut next) = (Vec::new(), 0, Some(String::new()));
        while let Some(cursor) = next {
            let reply = list(&admin, &format!("?limit={limit}{cursor}")).await;
            let page: Vec<Value> = reply.expect(200).as_array().unwrap().clone();
            full_pages += usize::from(!page.is_empty());
            walked.extend(page.iter().map(|kpi| kpi["name"].as_str().unwrap().to_owned()));
            next = reply.header("x-next-cursor").map(|cursor| format!("&cursor={cursor}"));
        }
        let newest_first: Vec<String> = (0..23).rev().map(|number: u32| number.to_string()).collect();
        assert_eq!((walked, full_pages), (newest_first, pages), "{limit}");
    }
}

#[tokio::test]
async fn kpis_made_in_the_meantime_disturb_no_walk() {
    let world = World::open().await;
    let admin = world.tenant().await;
    kpis_in_order(&admin, 4).await;

    let first = list(&admin, "?limit=2").await;
    let later = json!({"name": "later"});
    admin.post("/v1/kpis").at("2026-02-10T13:00:00Z").json(&later).send().await.expect(201);
    let cursor = first.header("x-next-cursor").unwrap();

    assert_eq!(listed(&admin, &format!("?limit=2&cursor={cursor}")).await, ["1", "0"]);
    assert_eq!(listed(&admin, &format!("?cursor={cursor}&offset=1")).await, ["0"]);
}

#[tokio::test]
async fn a_made_up_cursor_is_a_422() {
    let world = World::open().await;
    let admin = world.tenant().await;
    kpis_in_order(&admin, 2).await;

    // No base64; base64 of nothing we print; of rows of this kind and another; of no text at all.
    for cursor in ["banana!", "%25%25", "YmFuYW5h", "QVQjMDA", "SUQjMDA", "AA", "_____w", "%F0%9F%98%80", ""]
    {
        let reply = list(&admin, &format!("?cursor={cursor}")).await;
        assert_eq!(reply.faults(), ["value_error query.cursor"], "{cursor}");
    }
}

#[tokio::test]
async fn no_list_and_no_cursor_shows_another_tenants_kpis() {
    let world = World::open().await;
    let (admin, stranger) = (world.tenant().await, world.tenant().await);
    kpis_in_order(&admin, 3).await;
    create(&stranger, json!({"name": "theirs"})).await.expect(201);
    let page = list(&admin, "?limit=1").await;
    let cursor = page.header("x-next-cursor").unwrap();

    assert_eq!(listed(&stranger, "").await, ["theirs"]);
    let reply = list(&stranger, &format!("?cursor={cursor}")).await;
    assert_eq!(reply.faults(), ["value_error query.cursor"]);
    assert_eq!(listed(&admin, &format!("?cursor={cursor}")).await, ["1", "0"]);
}

#[tokio::test]
async fn reading_the_list_needs_kpi_read_and_costs_nothing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    kpis_in_order(&admin, 1).await;
    include_credits(&world, &admin, 0).await;

    assert_eq!(list(&admin, "").await.expect(200).as_array().unwrap().len(), 1);
    world
        .set_plan(&admin, |plan| {
            plan.capabilities.remove(&Capability::KpiRead);
        })
        .await;
    let denied = list(&admin, "").await.detail(403);
    assert_eq!(denied["message"], "Plan does not include capability: kpi_read", "{denied}");
    assert_eq!(
        list(&admin, "?limit=x").await.faults(),
        ["int_parsing query.limit"],
        "the schema comes first"
    );
    world.set_status(&admin, SubscriptionStatus::Suspended).await;
    assert_eq!(list(&admin, "").await.detail(403)["error"], "subscription_suspended");
    assert_eq!(world.assert_ledger_equals_counters(&admin, "2026-02").await, 1);
}
