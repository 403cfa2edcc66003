//! Pages: nothing is met twice and nothing is left out.

use std::collections::BTreeSet;

use bespin_tests::World;
use serde_json::json;

use super::told::{TABLES, a_busy_tenant, all_rows, look, next, rows};

#[tokio::test]
async fn pages_of_any_size_show_the_same_rows_in_the_same_order() {
    let world = World::with_console().await;
    for number in 0..3 {
        a_busy_tenant(&world).await;
        if number == 1 {
            // Tenants without anything lie between those that have something.
            world.tenant().await;
        }
    }

    for table in TABLES {
        let whole = all_rows(&world, &format!("/console/db/{table}?limit=1000")).await;
        let distinct: BTreeSet<_> = whole.iter().collect();
        // A sealed key shows nothing that would tell it from another.
        assert!(distinct.len() == whole.len() || table == "idempotency_keys", "{table}: no row twice");
        for limit in [1, 2, 3, 7] {
            let paged = all_rows(&world, &format!("/console/db/{table}?limit={limit}")).await;
            assert_eq!(paged, whole, "{table} in pages of {limit}");
        }
    }
}

#[tokio::test]
async fn rows_of_one_tenant_are_those_and_no_others() {
    let world = World::with_console().await;
    let one = a_busy_tenant(&world).await;
    let other = a_busy_tenant(&world).await;

    for table in TABLES {
        let of = |tenant: &str| format!("/console/db/{table}?limit=3&tenant={tenant}");
        let mut parted = all_rows(&world, &of(&one.admin.tenant_id)).await;
        if !parted.iter().flatten().any(|cell| *cell == one.admin.tenant_id) {
            continue; // The platform's.
        }
        assert!(!parted.iter().flatten().any(|cell| *cell == other.admin.tenant_id), "{table}");
        parted.extend(all_rows(&world, &of(&other.admin.tenant_id)).await);
        let mut whole = all_rows(&world, &format!("/console/db/{table}?limit=1000")).await;
        parted.sort();
        whole.sort();
        assert_eq!(parted, whole, "{table}");
    }
}

#[tokio::test]
async fn what_is_written_meanwhile_neither_hides_nor_doubles_a_row() {
    let world = World::with_console().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let kpi = admin.kpi("K").await;
    let point = async |second: u32| {
        let ts = format!("2026-01-01T00:00:{second:02}Z");
        admin.points(&kpi, &[(&ts, f64::from(second))]).send().await.expect(200);
    };
    for second in 10..30 {
        point(second).await;
    }

    let (mut seen, mut path, mut second) = (Vec::new(), "/console/db/kpi_points?limit=3".to_owned(), 30);
    loop {
        let page = look(&world, &path).await.text;
        seen.extend(rows(&page).into_iter().map(|row| row[3].clone()));
        let Some(next) = next(&page) else { break };
        path = next;
        point(second).await;
        second += 1;
    }

    let expected: Vec<_> = (10..30).rev().map(|second| format!("{second}.0")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn long_series_and_long_conversations_are_paged_to_their_end() {
    let world = World::with_console().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let kpi = admin.kpi("K").await;
    for chunk in 0..3 {
        let points: Vec<_> = (0..700)
            .map(|n| n + chunk * 700)
            .map(|n| json!({"ts": format!("2026-01-01T{:02}:{:02}:{:02}Z", n / 3600, n / 60 % 60, n % 60), "value": n}))
            .collect();
        let body = json!({"points": points});
        admin.post(&format!("/v1/kpis/{kpi}/points:bulk")).json(&body).send().await.expect(200);
    }
    let chat = admin.post("/v1/cofounder/chat").json(&json!({"message": "q0"})).send().await.expect(200);
    for number in 1..9 {
        let body = json!({"message": format!("q{number}"), "conversation_id": chat["conversation_id"]});
        let now = format!("2026-02-10T12:00:{number:02}Z");
        admin.post("/v1/cofounder/chat").json(&body).at(&now).send().await.expect(200);
    }

    let points = all_rows(&world, "/console/db/kpi_points?limit=1000").await;
    let values: Vec<_> = points.iter().map(|row| row[3].clone()).collect();
    assert_eq!(values, (0..2_100).rev().map(|n| format!("{n}.0")).collect::<Vec<_>>());

    let messages = all_rows(&world, "/console/db/messages?limit=5").await;
    let asked: Vec<_> = messages.iter().filter(|row| row[4] == "user").map(|row| row[5].clone()).collect();
    assert_eq!(asked, (0..9).rev().map(|n| format!("q{n}")).collect::<Vec<_>>());
}
