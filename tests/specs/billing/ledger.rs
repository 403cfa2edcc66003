//! `GET /v1/billing/ledger`: what happened, newest first, page by page (gateway.md 12.4).

use std::collections::HashSet;

use bespin_metering::MeteredEvent;
use bespin_tests::{Actor, Reply, Request, World};
use serde_json::{Value, json};

use crate::{at_once, echo, enter_history, happen, operate, pages, put_limits, read};

/// One member of each entry as text.
fn told<'v>(entries: &'v [Value], member: &str) -> Vec<&'v str> {
    entries.iter().map(|entry| entry[member].as_str().unwrap()).collect()
}

/// A tenant that may call the tool as often as it likes.
async fn unlimited(world: &World) -> Actor {
    let admin = world.tenant().await;
    world
        .set_plan(&admin, |plan| {
            plan.included_credits = 1_000_000;
            plan.caps.clear();
        })
        .await;
    put_limits(&admin, [100_000; 4]).send().await.expect(200);
    admin
}

#[tokio::test]
async fn an_entry_tells_what_happened_and_names_the_answer_that_says_so() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let id = |reply: &Reply| reply.header("x-request-id").unwrap().to_owned();
    let second = |second: u32| format!("2026-02-10T12:00:0{second}.123456Z");
    let define = admin.post("/v1/kpis").json(&json!({"name": "MRR"})).at(&second(0)).send().await;
    let kpi = define.expect(201)["kpi_id"].as_str().unwrap().to_owned();
    let ingest = admin.points(&kpi, &[("2026-02-01", 1.0), ("2026-02-02", 2.0)]).at(&second(1)).send().await;
    let brief = admin.materialize("k", "2026-02-01").at(&second(2)).send().await;
    let tool = echo(&admin, "k").at(&second(3)).send().await;
    for reply in [&ingest, &brief, &tool] {
        reply.expect(200);
    }

    // Whoever reads sees what all users of the tenant caused.
    let ledger = admin.member().await.get("/v1/billing/ledger").send().await;

    let entry = |event: &str, units: u64, credits: &str, cost: &str, tool: &str, reply: &Reply, at: u32| {
        format!(
            r#"{{"event_key":"{event}","raw_units":{units},"credits":{credits},"list_cost_estimate":{cost},"tool_name":{tool},"request_id":"{}","created_at":"{}"}}"#,
            id(reply),
            second(at)
        )
    };
    let expected = format!(
        r#"{{"period_start":"2026-02-01","items":[{},{},{},{}],"next_cursor":null}}"#,
        entry("tool_invocation", 1, "2", "0.04", r#""echo""#, &tool, 3),
        entry("daily_brief_generated", 1, "5", "0.1", r#""daily_brief""#, &brief, 2),
        entry("kpi_points_ingested", 2, "0.002", "0.00004", "null", &ingest, 1),
        entry("kpi_definition_created", 1, "0.5", "0.01", "null", &define, 0),
    );
    assert_eq!((ledger.status, ledger.text), (200, expected));
    assert_eq!(tool.json()["request_id"], id(&tool));
    let other = world.tenant().await;
    assert_eq!(read(&other, "/v1/billing/ledger").await["items"], json!([]));
}

#[tokio::test]
async fn it_covers_the_rest_of_the_month_from_the_day_asked_for() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let instants = [
        "2026-01-31T23:59:59.999999Z",
        "2026-02-01T00:00:00.000000Z",
        "2026-02-09T23:59:59.999999Z",
        "2026-02-10T00:00:00.000000Z",
        "2026-02-28T23:59:59.999999Z",
        "2026-03-01T00:00:00.000000Z",
    ];
    for (key, now) in instants.iter().enumerate() {
        echo(&admin, key).at(now).send().await.expect(200);
    }

    for (start, from, to) in [
        ("2026-01-01", 0, 1),
        ("2026-01-31", 0, 1),
        ("2026-02-01", 1, 5),
        ("2026-02-02", 2, 5),
        ("2026-02-10", 3, 5),
        ("2026-02-11", 4, 5),
        ("2026-02-28", 4, 5),
        ("2026-03-01", 5, 6),
        ("2026-03-02", 6, 6),
        ("0001-01-01", 0, 0),
        ("9999-11-30", 0, 0),
    ] {
        let ledger = read(&admin, &format!("/v1/billing/ledger?period_start={start}")).await;

        let newest_first: Vec<&str> = instants[from..to].iter().rev().copied().collect();
        assert_eq!(told(ledger["items"].as_array().unwrap(), "created_at"), newest_first, "{start}");
        assert_eq!((&ledger["period_start"], &ledger["next_cursor"]), (&json!(start), &Value::Null));
    }
    let march = admin.get("/v1/billing/ledger").at("2026-03-31T12:00:00Z").send().await.expect(200);
    assert_eq!((&march["period_start"], march["items"].as_array().unwrap().len()), (&json!("2026-03-01"), 1));
}

#[tokio::test]
async fn a_limit_is_moved_into_its_range_and_what_is_no_whole_number_is_refused() {
    let world = World::open().await;
    let admin = world.tenant().await;
    echo(&admin, "first").send().await.expect(200);
    enter_history(&world, &admin, 1_000).await;

    for (query, entries) in [
        ("", 200),
        ("?limit=0", 1),
        ("?limit=-1", 1),
        ("?limit=-99999999999999999999", 1),
        ("?limit=1", 1),
        ("?limit=7.0", 7),
        ("?limit=1001", 1_000),
        ("?limit=100000000000000000000", 1_000),
        ("?limit=5&limit=6", 6),
    ] {
        let ledger = read(&admin, &format!("/v1/billing/ledger{query}")).await;
        assert_eq!(ledger["items"].as_array().unwrap().len(), entries, "{query}");
        assert!(ledger["next_cursor"].is_string(), "{query}: there are 1,001");
    }
    for limit in ["", "many", "7.5", "1e2", "null"] {
        let refused = admin.get(&format!("/v1/billing/ledger?limit={limit}")).send().await;
        assert_eq!(refused.faults(), ["int_parsing query.limit"], "{limit:?}");
    }
}

#[tokio::test]
async fn the_last_page_leads_nowhere_even_if_it_is_full() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for key in 0..6 {
        echo(&admin, key).send().await.expect(200);
    }

    for (limit, sizes) in
        [(1, vec![1; 6]), (2, vec![2; 3]), (3, vec![3; 2]), (4, vec![4, 2]), (6, vec![6]), (7, vec![6])]
    {
        for event in ["", "&event_key=tool_invocation"] {
            let pages = pages(&admin, &format!("&limit={limit}{event}")).await;
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{limit}{event}");
            assert_eq!(told(&pages.concat(), "request_id").iter().collect::<HashSet<_>>().len(), 6);
        }
    }
}

/// Ninety entries, most of them of one instant, and while they are read others come in before, behind and in between.
#[tokio::test(flavor = "multi_thread")]
async fn pages_lead_once_past_everything_that_was_there_while_others_write() {
    let world = World::open().await;
    let admin = unlimited(&world).await;
    let at = |key: String, second: u32| echo(&admin, key).at(&format!("2026-02-10T12:00:{second:02}Z"));
    let there = at_once((0..90).map(|n| at(format!("old {n}"), if n < 60 { 30 } else { n - 50 }))).await;
    let there: HashSet<String> =
        there.iter().map(|reply| reply.header("x-request-id").unwrap().to_owned()).collect();

    let (mut read_so_far, mut cursor, mut written): (Vec<Value>, _, u32) = (Vec::new(), String::new(), 0);
    loop {
        let path = format!("/v1/billing/ledger?limit=9{cursor}");
        let writes: Vec<Request> = [59, 30, 30, 5]
            .into_iter()
            .zip(written..)
            .map(|(second, n)| at(format!("new {n}"), second))
            .collect();
        written += 4;
        let (page, writes) = tokio::join!(read(&admin, &path), at_once(writes));
        assert!(writes.iter().all(|reply| reply.status == 200));
        read_so_far.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }

    let ids = told(&read_so_far, "request_id");
    let distinct: HashSet<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), ids.len(), "none twice");
    assert!(distinct.is_superset(&there), "each that was there");
    assert!(told(&read_so_far, "created_at").iter().rev().is_sorted(), "newest first over all pages");
    assert_eq!(pages(&admin, "").await.concat().len(), 90 + usize::try_from(written).unwrap());
}

#[tokio::test]
async fn the_entries_of_each_event_are_all_there_in_their_order() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for (second, event) in (0..30).zip(MeteredEvent::ALL.into_iter().cycle()) {
        happen(&world, &admin, event, second % 3 + 1, &format!("2026-02-10T12:00:{second:02}Z")).await;
    }
    let scan = r#"{"event_key":"scan","display_name":"S","unit_name":"u","credits_per_unit":1,"list_price_per_credit":1}"#;
    operate(&world, "POST", "/v1/admin/metered-events", scan).await;
    operate(&world, "PUT", "/v1/admin/metered-events/assistant_query", r#"{"active":false}"#).await;
    let all = read(&admin, "/v1/billing/ledger").await["items"].as_array().unwrap().clone();

    for event in MeteredEvent::ALL {
        let of_event = pages(&admin, &format!("&limit=2&event_key={}", event.key())).await;

        let expected: Vec<Value> =
            all.iter().filter(|entry| entry["event_key"] == event.key()).cloned().collect();
        assert_eq!((of_event.concat(), expected.len()), (expected, 5), "{event:?}");
    }
    assert_eq!(pages(&admin, "&event_key=scan").await, [[] as [Value; 0]], "known, and it meters nothing");
    let of_two_days = pages(&admin, "&event_key=tool_invocation&period_start=2026-02-11").await;
    assert_eq!(of_two_days, [[] as [Value; 0]]);
    for unknown in ["nope", "", "TOOL_INVOCATION", "tool_invocation%20", "tool_invocation%00", "EVENT%23scan"]
    {
        let refused = admin.get(&format!("/v1/billing/ledger?event_key={unknown}")).send().await;
        assert_eq!(refused.faults(), ["value_error query.event_key"], "{unknown:?}");
    }
}

#[tokio::test]
async fn a_cursor_that_no_page_of_this_ledger_gave_is_refused() {
    let world = World::open().await;
    let (admin, other) = (world.tenant().await, world.tenant().await);
    for (tenant, now) in
        [(&admin, "2026-02-05T12:00:00Z"), (&other, "2026-02-05T12:00:00Z"), (&admin, "2026-01-05T12:00:00Z")]
    {
        for key in 0..2 {
            echo(tenant, format!("{now} {key}")).at(now).send().await.expect(200);
        }
    }
    put_limits(&admin, [100; 4]).send().await.expect(200);
    put_limits(&admin, [100; 4]).send().await.expect(200);
    let cursor = async |actor: &Actor, query: &str| {
        let page = read(actor, &format!("/v1/billing/ledger?limit=1{query}")).await;
        page["next_cursor"].as_str().unwrap().to_owned()
    };
    let good = cursor(&admin, "").await;
    let (head, last) = good.split_at(good.len() - 1);
    let audit = format!("/v1/admin/audit?limit=1&tenant_id={}", admin.tenant_id);
    let audit =
        world.operator("GET", &audit).send().await.expect(200)["next_cursor"].as_str().unwrap().to_owned();
    let forged = format!("{head}{}", if last == "A" { "B" } else { "A" });

    for (cursor, query, what) in [
        (cursor(&other, "").await, "", "another tenant's"),
        (cursor(&admin, "&period_start=2026-01-01").await, "", "another month's"),
        (good.clone(), "&period_start=2026-01-01", "this month's in another"),
        (good.clone(), "&period_start=2026-02-06", "of an entry before the day asked for"),
        (audit, "", "another list's"),
        (forged, "", "a changed one"),
        (head.to_owned(), "", "a shortened one"),
        (String::new(), "", "none"),
        ("made-up".to_owned(), "", "a made-up one"),
        ("%25%25%25".to_owned(), "", "no text of a cursor"),
        ("A".repeat(5_000), "", "an endless one"),
    ] {
        let refused = admin.get(&format!("/v1/billing/ledger?limit=1&cursor={cursor}{query}")).send().await;
        assert_eq!(refused.faults(), ["value_error query.cursor"], "{what}");
    }
    let page = read(&admin, &format!("/v1/billing/ledger?limit=1&cursor={good}")).await;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next_cursor"]), (1, &Value::Null));
}

#[tokio::test]
async fn all_faults_of_a_question_are_told_together() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let refused = admin
        .get("/v1/billing/ledger?event_key=nope&cursor=made-up&limit=many&period_start=banana")
        .send()
        .await;

    assert_eq!(
        refused.faults(),
        [
            "value_error query.period_start",
            "int_parsing query.limit",
            "value_error query.cursor",
            "value_error query.event_key",
        ]
    );
}
