//! Reading the outbox (gateway.md 8.2).

use std::collections::BTreeSet;

use bespin_primitives::{RequestId, Timestamp};
use bespin_table::{Condition, Item, Transaction, keys};
use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::words::{DATE, OUTBOX, outbox, run};

async fn list(actor: &Actor, query: &str) -> Value {
    actor.get(&format!("{OUTBOX}?{query}")).send().await.expect(200)
}

async fn dates(actor: &Actor, query: &str) -> Vec<String> {
    let page = list(actor, query).await;
    page["items"].as_array().unwrap().iter().map(|item| item["date"].as_str().unwrap().to_owned()).collect()
}

/// Follows the cursors from the first page to the last; the items of each.
async fn pages(actor: &Actor, query: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = list(actor, &format!("{query}{cursor}")).await;
        pages.push(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { return pages };
        cursor = format!("&cursor={next}");
    }
}

/// A tenant whose admin was notified of these dates, in this order.
async fn told_of(world: &World, dates: &[&str]) -> Actor {
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    for date in dates {
        run(&admin, date, date).send().await.expect(200);
    }
    admin
}

#[tokio::test]
async fn an_item_has_exactly_these_members() {
    let world = World::open().await;
    let admin = world.tenant().await;
    assert_eq!(admin.get(OUTBOX).send().await.text, r#"{"items":[],"next_cursor":null}"#);
    let reply = run(&admin, "k", DATE).send().await;

    let page = admin.get(OUTBOX).send().await.expect(200);

    let summary = json!({"kpis_considered": 0, "kpis_up": 0, "kpis_down": 0, "kpis_flat": 0});
    let payload = json!({"title": "Daily Brief", "date": DATE, "summary": summary, "highlights": []});
    let item = json!({
        "id": page["items"][0]["id"], "notification_type": "daily_brief", "date": DATE, "status": "queued",
        "request_id": reply.header("x-request-id"), "payload": payload,
    });
    assert!(item["id"].is_u64());
    assert_eq!(page.to_string(), json!({"items": [item], "next_cursor": null}).to_string());
}

#[tokio::test]
async fn filters_match_exactly_and_empty_ones_are_ignored() {
    let world = World::open().await;
    let admin = told_of(&world, &["2026-01-29", "2026-01-31", "2026-01-30"]).await;
    let id = outbox(&admin).await[1]["id"].to_string();
    admin.post(&format!("/v1/notifications/{id}/ack")).send().await.expect(200);
    let all = ["2026-01-30", "2026-01-31", "2026-01-29"];

    for (query, expected) in [
        ("date=2026-01-31", &all[1..2]),
        ("date=2026-01-28", &[]),
        ("date=banana", &[]),
        ("date=2026-01-31%20", &[]),
        ("date=2026-01-31&status=queued", &[]),
        ("date=2026-01-31&status=acked", &all[1..2]),
        ("status=acked", &all[1..2]),
        ("status=queued", &["2026-01-30", "2026-01-29"]),
        ("status=queued&limit=1", &all[..1]),
        ("status=Queued", &[]),
        ("status=sent", &[]),
        ("status=&date=", &all),
        ("status=sent&status=acked", &all[1..2]),
        ("date=2026-01-31&limit=0", &[]),
    ] {
        assert_eq!(dates(&admin, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_limit_is_moved_into_its_bounds_and_nothing_but_an_integer_is_one() {
    let world = World::open().await;
    let admin = told_of(&world, &["2026-01-29", "2026-01-30", "2026-01-31"]).await;
    for (limit, count) in [
        ("-1", 1),
        ("-99999999999999999999", 1),
        ("0", 0),
        ("1", 1),
        ("2", 2),
        ("500", 3),
        ("100000000000000000000", 3),
    ] {
        assert_eq!(dates(&admin, &format!("limit={limit}")).await.len(), count, "{limit}");
    }
    for limit in ["x", "", "1.5"] {
        let reply = admin.get(&format!("{OUTBOX}?limit={limit}")).send().await;
        assert_eq!(reply.faults(), ["int_parsing query.limit"], "{limit}");
    }
}

#[tokio::test]
async fn pages_lead_through_all_notifications_once_whatever_comes_meanwhile() {
    let world = World::open().await;
    let dates = ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"];
    let admin = told_of(&world, &dates).await;
    let first = list(&admin, "limit=2").await;
    run(&admin, "later", "2026-01-06").send().await.expect(200);

    let rest = pages(&admin, &format!("limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;

    let seen: Vec<&Value> = first["items"]
        .as_array()
        .unwrap()
        .iter()
        .chain(rest.iter().flatten())
        .map(|item| &item["date"])
        .collect();
    assert_eq!(seen, dates.iter().rev().collect::<Vec<_>>());
    // Whether a full page is the last one is found out with the next, as everywhere.
    assert_eq!(pages(&admin, "limit=4").await.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2]);
}

#[tokio::test]
async fn a_cursor_of_anywhere_else_is_refused() {
    let world = World::open().await;
    let admin = told_of(&world, &["2026-01-01", "2026-01-02"]).await;
    let member = admin.member().await;
    let cursor = list(&admin, "limit=1").await["next_cursor"].as_str().unwrap().to_owned();
    for (actor, cursor) in [(&member, cursor.as_str()), (&admin, "x"), (&admin, ""), (&admin, "%FF")] {
        let reply = actor.get(&format!("{OUTBOX}?cursor={cursor}")).send().await;
        assert_eq!(reply.faults(), ["value_error query.cursor"]);
    }
}

/// A notification and what it says, as if a run had made it.
fn rows(access: &bespin_access::TenantAccess, number: u64, status: &str, payload: &Value) -> [Item; 2] {
    let first = Timestamp::parse_rfc3339("2000-01-01T00:00:00Z").unwrap();
    let date = first.plus_seconds(86_400 * i64::try_from(number).unwrap()).date();
    let notification = Item::new(keys::notification(access.tenant_id(), access.user_id(), number))
        .with("id", &number)
        .with("type", &"daily_brief".to_owned())
        .with("date", &date)
        .with("status", &status.to_owned())
        .with("request_id", &RequestId::parse("00000000-0000-4000-8000-000000000000").unwrap());
    let notice = Item::new(keys::notice(access.tenant_id(), "daily_brief", date))
        .with("payload", &payload.to_string());
    [notification, notice]
}

fn payload(title: &str) -> Value {
    let summary = json!({"kpis_considered": 0, "kpis_up": 0, "kpis_down": 0, "kpis_flat": 0});
    json!({"title": title, "date": "2000-01-02", "summary": summary, "highlights": []})
}

async fn put(world: &World, rows: impl IntoIterator<Item = Item>) {
    let rows: Vec<Item> = rows.into_iter().collect();
    for some in rows.chunks(90) {
        let mut transaction = Transaction::new();
        for row in some {
            transaction.put(row.clone(), Condition::default());
        }
        world.deps().table.commit(transaction).await.unwrap();
    }
}

#[tokio::test]
async fn a_page_of_one_status_looks_at_a_bounded_number_and_still_leads_to_the_end() {
    let world = World::unhurried().await;
    let admin = world.tenant().await;
    let access = admin.access().await;
    let acked = (2..=5_201).flat_map(|number| rows(&access, number, "acked", &payload("Daily Brief")));
    put(&world, rows(&access, 1, "queued", &payload("Daily Brief")).into_iter().chain(acked)).await;

    // So that the caller is remembered.
    list(&admin, "limit=0").await;
    let first = admin.get(&format!("{OUTBOX}?status=queued")).send().await;
    let pages = pages(&admin, "status=queued").await;

    assert_eq!(first.expect(200)["items"], json!([]));
    // And a few of the caller, where it was forgotten meanwhile.
    assert!((5_000..5_010).contains(&first.cost().items_read), "{:?}", first.cost());
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1]);
    // One date is found by its mark or not at all, whatever the number of the others.
    let by_date = admin.get(&format!("{OUTBOX}?date=2000-01-02")).send().await;
    assert!(by_date.cost().items_read < 3, "{:?}", by_date.cost());
}

#[tokio::test]
async fn large_payloads_end_a_page_early_so_that_every_answer_goes_through_the_front_door() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let access = admin.access().await;
    let payload = payload(&"x".repeat(190_000));
    put(&world, (1..=9).flat_map(|number| rows(&access, number, "queued", &payload))).await;
    put(&world, (10..=18).flat_map(|number| rows(&access, number, "queued", &payload))).await;
    put(&world, (19..=27).flat_map(|number| rows(&access, number, "queued", &payload))).await;

    let pages = pages(&admin, "limit=500").await;

    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [21, 6]);
    let ids: BTreeSet<u64> = pages.iter().flatten().map(|item| item["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), 27);
}
