//! What each intent is answered with (gateway.md 10.5).

use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::{CHAT, ask, text};

/// The content and the cards of an answer.
async fn answered(actor: &Actor, message: &str) -> (String, Value) {
    let answer = ask(actor, message).send().await.expect(200);
    let said = &answer["assistant_message"];
    (text(&said["content"]).to_owned(), said["cards"].clone())
}

fn plain(content: &str) -> (String, Value) {
    (content.to_owned(), json!([]))
}

#[tokio::test]
async fn help_and_what_is_not_understood_are_told_word_for_word() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let help = "Available commands:\n- 'today's brief' or 'brief' - Get your latest daily brief\n- 'kpis' - List all KPIs with latest values\n- 'kpi:<name>' - Get detailed summary for a specific KPI\n- 'outbox' or 'notifications' - View queued notifications\n- 'help' - Show this help message";
    assert_eq!(answered(&admin, "HELP").await, plain(help));
    assert_eq!(answered(&admin, "hello").await, plain("Try: 'today's brief', 'kpis', 'outbox', or 'help'"));
}

#[tokio::test]
async fn a_brief_is_that_of_the_date_or_else_the_one_of_the_greatest_date() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let none = "No brief found. To generate a brief, an admin should run:\nPOST /v1/jobs/daily-brief or POST /v1/briefs/materialize";
    assert_eq!(answered(&admin, "today's brief").await, plain(none));
    let kpi = admin.kpi("Churn").await;
    admin.points(&kpi, &[("2026-01-24", 100.0), ("2026-01-31", 90.0)]).send().await.expect(200);
    let latest = admin.materialize("latest", "2026-01-31").send().await.expect(200);
    let earlier = admin.materialize("earlier", "2026-01-25").send().await.expect(200);
    let card = |brief: &Value| {
        json!([{
            "type": "brief", "date": brief["content"]["date"], "brief_id": brief["brief_id"],
            "summary": brief["content"]["summary"], "highlights": brief["content"]["highlights"],
        }])
    };

    assert_eq!(
        answered(&admin, "brief").await,
        ("Here's your brief for 2026-01-31:".to_owned(), card(&latest))
    );
    for (date, expected) in [
        (json!("2026-01-25"), Some(&earlier)),
        (json!(""), Some(&latest)),
        (json!(null), Some(&latest)),
        (json!("2026-01-26"), None),
        (json!("banana"), None),
    ] {
        let reply =
            admin.post(CHAT).json(&json!({"message": "today", "date": date})).send().await.expect(200);
        let said = &reply["assistant_message"];
        match expected {
            Some(brief) => assert_eq!(said["cards"], card(brief), "{date}"),
            None => assert_eq!(said["content"], none, "{date}"),
        }
    }
}

#[tokio::test]
async fn the_outbox_shows_the_callers_ten_newest_whatever_their_status() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    assert_eq!(answered(&admin, "outbox").await, plain("No notifications in your outbox."));
    world.without_limits(&admin).await;
    for day in 1..=12 {
        let date = format!("2026-01-{day:02}");
        let job = admin.post("/v1/jobs/daily-brief").key(&date).json(&json!({"date": date}));
        job.send().await.expect(200);
    }
    let outbox = member.get("/v1/notifications/outbox").send().await.expect(200);
    let newest = outbox["items"][0]["id"].clone();
    member.post(&format!("/v1/notifications/{newest}/ack")).send().await.expect(200);

    let (content, cards) = answered(&member, "any notifications?").await;

    assert_eq!(content, "Found 10 notification(s) in your outbox:");
    assert_eq!(cards.as_array().unwrap().len(), 10);
    assert_eq!(
        cards[0],
        json!({"type": "notification", "id": newest, "date": "2026-01-12", "title": "Daily Brief", "status": "acked"})
    );
    assert_eq!((&cards[9]["date"], &cards[9]["status"]), (&json!("2026-01-03"), &json!("queued")));
}

#[tokio::test]
async fn one_kpi_is_found_by_its_whole_name_in_any_case_the_oldest_of_several() {
    let world = World::open().await;
    let admin = world.tenant().await;
    assert_eq!(answered(&admin, "kpi:MRR.").await, plain("KPI 'mrr.' not found."));
    let mut ids = Vec::new();
    for (name, now) in [
        ("Mrr", "2026-02-10T09:00:00Z"),
        ("MRR", "2026-02-10T10:00:00Z"),
        ("Net Help", "2026-02-10T11:00:00Z"),
    ] {
        let kpi = admin
            .post("/v1/kpis")
            .at(now)
            .json(&json!({"name": name, "unit": "GBP"}))
            .send()
            .await
            .expect(201);
        ids.push(text(&kpi["kpi_id"]).to_owned());
    }
    assert_eq!(
        answered(&admin, "kpi:mrr").await,
        plain(&format!("No data points found for KPI '{}'", ids[0]))
    );
    admin
        .points(&ids[0], &[("2026-01-20", 1.0), ("2026-01-24", 1000.0), ("2026-01-31", 1250.0)])
        .send()
        .await
        .expect(200);
    admin.points(&ids[2], &[("2026-01-31", 5.0)]).send().await.expect(200);

    let (content, cards) = answered(&admin, "show me kpi:mRr please").await;

    assert_eq!(content, "Summary for KPI 'Mrr':");
    assert_eq!(
        cards.to_string(),
        format!(
            r#"[{{"type":"kpi_summary","kpi_id":"{}","name":"Mrr","unit":"GBP","latest":{{"ts":"2026-01-31","value":1250.0}},"start":{{"ts":"2026-01-24","value":1000.0}},"delta_abs":250.0,"delta_pct":25.0}}]"#,
            ids[0]
        )
    );
    assert_eq!(answered(&admin, "kpi:\"net help\"").await.0, "Summary for KPI 'Net Help':");
    assert!(answered(&admin, "kpi: mrr").await.0.starts_with("Found 3 KPI(s):"));
}

#[tokio::test]
async fn all_kpis_come_by_name_with_their_newest_points_and_whatever_the_plan_reads() {
    let world = World::open().await;
    let admin = world.tenant().await;
    assert_eq!(answered(&admin, "kpis").await, plain("No KPIs defined for your tenant."));
    let zebra = admin.kpi("Zebra").await;
    let apple = admin.kpi("Apple").await;
    admin.points(&zebra, &[("2026-01-31", 7.5), ("2026-01-30", 1.0)]).send().await.expect(200);
    world.set_plan(&admin, |plan| plan.capabilities.retain(|capability| capability.key() == "chat")).await;

    let (content, cards) = answered(&admin.as_user(&admin.user_id), "kpis").await;

    assert_eq!(content, "Found 2 KPI(s):");
    assert_eq!(
        cards,
        json!([
            {"type": "kpi", "kpi_id": apple, "name": "Apple", "unit": null, "latest": null},
            {"type": "kpi", "kpi_id": zebra, "name": "Zebra", "unit": null, "latest": {"ts": "2026-01-31", "value": 7.5}},
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_than_five_hundred_kpis_the_first_by_name_are_shown_and_a_long_answer_is_kept_whole() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let long = "ж".repeat(240);
    for hundred in 0..6 {
        let made = (0..100).map(|n| {
            let name = format!("{:03} {long}", 100 * hundred + n);
            admin.post("/v1/kpis").json(&json!({"name": name}))
        });
        crate::at_once(made).await;
    }

    let asked = ask(&admin, "kpis").key("k").send().await;

    let answer = asked.expect(200);
    assert_eq!(answer["assistant_message"]["content"], "Found 600 KPI(s):");
    let cards = answer["assistant_message"]["cards"].as_array().unwrap();
    assert_eq!(cards.len(), 500);
    assert!(text(&cards[499]["name"]).starts_with("499 "));
    assert!(asked.text.len() > 250_000, "larger than a row: {}", asked.text.len());
    assert_eq!(ask(&admin, "kpis").key("k").send().await.text, asked.text);
    let conversation = crate::messages(&admin, text(&answer["conversation_id"])).await;
    assert_eq!(conversation[1]["cards"], answer["assistant_message"]["cards"]);
}
