//! `GET /v1/billing/ledger`: order, pages and filters (gateway.md 12.4).

use std::collections::BTreeSet;

use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::{at_once, echo, read};

fn request_ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|entry| entry["request_id"].as_str().unwrap().to_owned()).collect()
}

/// All pages of so many entries; `between` happens after each.
async fn pages(admin: &Actor, query: &str, limit: usize, between: impl AsyncFn()) -> Vec<Value> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = read(admin, &format!("/v1/billing/ledger?limit={limit}{query}{cursor}")).await;
        let next = page["next_cursor"].as_str().map(str::to_owned);
        pages.push(page);
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
        between().await;
    }
}

#[tokio::test]
async fn an_entry_tells_what_happened_at_which_price_and_for_which_request() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let answer = echo(&admin, "one").send().await.expect(200);
    admin.kpi("MRR").await;

    let ledger = read(&admin, "/v1/billing/ledger").await;

    assert_eq!((&ledger["period_start"], &ledger["next_cursor"]), (&json!("2026-02-01"), &Value::Null));
    let of = |key: &str| {
        let items = ledger["items"].as_array().unwrap();
        items.iter().find(|entry| entry["event_key"] == key).unwrap().clone()
    };
    assert_eq!(
        of("tool_invocation"),
        json!({
            "event_key": "tool_invocation", "raw_units": 1, "credits": 2, "list_cost_estimate": 0.04,
            "tool_name": "echo", "request_id": answer["request_id"], "created_at": "2026-02-10T12:00:00.000000Z",
        })
    );
    assert_eq!(of("kpi_definition_created")["tool_name"], Value::Null);
}

#[tokio::test]
async fn entries_come_newest_first_and_a_start_in_the_middle_of_the_month_is_honoured() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let mut expected = Vec::new();
    for now in
        ["2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z", "2026-02-09T23:59:59Z", "2026-02-10T00:00:00Z"]
    {
        let answer = echo(&admin, now).at(now).send().await.expect(200);
        expected.insert(0, answer["request_id"].as_str().unwrap().to_owned());
    }
    for (query, entries) in [
        ("", &expected[..3]),
        ("?period_start=2026-02-01", &expected[..3]),
        ("?period_start=2026-02-10", &expected[..1]),
        ("?period_start=2026-01-01", &expected[3..]),
        ("?period_start=2026-02-11", &[]),
        ("?period_start=2026-02-01&event_key=tool_invocation", &expected[..3]),
        ("?period_start=2026-02-01&event_key=daily_brief_generated", &[]),
    ] {
        let page = read(&admin, &format!("/v1/billing/ledger{query}")).await;
        assert_eq!(request_ids(&page), entries, "{query}");
    }
}

#[tokio::test]
async fn a_limit_is_clamped_and_one_that_is_no_number_is_named() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for key in 0..3 {
        echo(&admin, key).send().await.expect(200);
    }
    for (limit, entries) in
        [("0", 1), ("-1", 1), ("2", 2), ("1001", 3), ("100000000000000000000", 3), ("", 3)]
    {
        let query = if limit.is_empty() { String::new() } else { format!("?limit={limit}") };
        let page = read(&admin, &format!("/v1/billing/ledger{query}")).await;
        assert_eq!(request_ids(&page).len(), entries, "{limit}");
    }
    let refused = admin.get("/v1/billing/ledger?limit=all").send().await;
    assert_eq!(refused.faults(), ["int_parsing query.limit"]);
}

#[tokio::test]
async fn each_entry_comes_on_one_page_while_others_keep_writing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let mut old = BTreeSet::new();
    for key in 0..25 {
        // Five at a time at the same instant.
        let now = format!("2026-02-10T11:00:{:02}Z", key / 5);
        let answer = echo(&admin, key).at(&now).send().await.expect(200);
        old.insert(answer["request_id"].as_str().unwrap().to_owned());
    }
    for limit in [1, 2, 5, 7, 24, 25, 26] {
        let number = std::sync::atomic::AtomicU64::new(0);
        let between = async || {
            let key = format!("{limit}-{}", number.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            let earlier = echo(&admin, format!("earlier {key}")).at("2026-02-10T11:30:00Z");
            let writers = [echo(&admin, format!("now {key}")), earlier];
            at_once(writers).await;
        };
        let seen: Vec<String> =
            pages(&admin, "", limit, between).await.iter().flat_map(request_ids).collect();
        let distinct: BTreeSet<String> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len(), "none twice in pages of {limit}");
        assert!(distinct.is_superset(&old), "all in pages of {limit}");
    }
}

#[tokio::test]
async fn a_filter_goes_through_all_pages() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for key in 0..4 {
        echo(&admin, key).send().await.expect(200);
        admin.kpi("MRR").await;
    }
    let filter = "&event_key=kpi_definition_created";
    let found = pages(&admin, filter, 3, async || ()).await;

    let sizes: Vec<usize> = found.iter().map(|page| request_ids(page).len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 4);
    let whole = read(&admin, &format!("/v1/billing/ledger?limit=9{filter}")).await;
    assert_eq!(found.iter().flat_map(request_ids).collect::<Vec<_>>(), request_ids(&whole));
    let unknown = admin.get("/v1/billing/ledger?event_key=nope").send().await;
    assert_eq!(unknown.faults(), ["value_error query.event_key"]);
}

#[tokio::test]
async fn a_place_in_another_ledger_is_no_place_in_this_one() {
    let world = World::open().await;
    let (admin, other) = (world.tenant().await, world.tenant().await);
    for actor in [&admin, &other] {
        for key in 0..2 {
            echo(actor, key).send().await.expect(200);
        }
    }
    let cursor = async |actor: &Actor| {
        let page = read(actor, "/v1/billing/ledger?limit=1").await;
        page["next_cursor"].as_str().unwrap().to_owned()
    };
    let (own, anothers) = (cursor(&admin).await, cursor(&other).await);

    for query in [
        format!("cursor={anothers}"),
        format!("cursor={own}&period_start=2026-01-01"),
        format!("cursor={own}x"),
        "cursor=made-up".to_owned(),
        "cursor=".to_owned(),
    ] {
        let reply = admin.get(&format!("/v1/billing/ledger?{query}")).send().await;
        assert_eq!(reply.faults(), ["value_error query.cursor"], "{query}");
    }
    assert_eq!(request_ids(&read(&admin, &format!("/v1/billing/ledger?cursor={own}")).await).len(), 1);
}
