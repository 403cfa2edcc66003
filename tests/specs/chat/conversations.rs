//! Conversations: begun, listed, read, and nobody else's (gateway.md 10.1 to 10.3).

use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::{CONVERSATIONS, ask_in, at_once, begin, messages, text};

async fn titled(actor: &Actor, title: &str, now: &str) -> Value {
    actor.post(CONVERSATIONS).at(now).json(&json!({"title": title})).send().await.expect(201)
}

async fn titles(actor: &Actor, query: &str) -> Vec<String> {
    let page = actor.get(&format!("{CONVERSATIONS}{query}")).send().await.expect(200);
    page["items"].as_array().unwrap().iter().map(|item| text(&item["title"]).to_owned()).collect()
}

#[tokio::test]
async fn a_conversation_is_shown_as_it_was_begun() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let begun = titled(&admin, "help", "2026-02-01T10:20:30.123456Z").await;
    let untitled = admin.post(CONVERSATIONS).json(&json!({"title": null})).send().await.expect(201);

    assert_eq!(
        begun,
        json!({
            "conversation_id": begun["conversation_id"], "title": "help",
            "created_at": "2026-02-01T10:20:30.123456Z",
        })
    );
    assert_eq!(untitled["title"], Value::Null);
    let id = text(&begun["conversation_id"]);
    let shown = admin.get(&format!("{CONVERSATIONS}/{id}")).send().await.expect(200);
    let mut expected = begun.clone();
    expected["messages"] = json!([]);
    expected["next_cursor"] = Value::Null;
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_title_has_at_most_255_characters_and_a_body_is_needed() {
    let world = World::open().await;
    let admin = world.tenant().await;
    titled(&admin, &"é".repeat(255), "2026-02-10T12:00:00Z").await;

    for (body, fault) in [
        (json!({"title": "é".repeat(256)}), "string_too_long body.title"),
        (json!({"title": 7}), "string_type body.title"),
        (json!(null), "missing body"),
        (json!([]), "model_attributes_type body"),
    ] {
        let reply = admin.post(CONVERSATIONS).json(&body).send().await;
        assert_eq!(reply.faults(), [fault]);
    }
    assert_eq!(titles(&admin, "").await.len(), 1);
}

#[tokio::test]
async fn conversations_are_listed_newest_first_by_creation_in_pages() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let mut first = String::new();
    for minute in 0..5 {
        let now = format!("2026-02-10T11:0{minute}:00Z");
        let begun = titled(&admin, &minute.to_string(), &now).await;
        if minute == 0 {
            text(&begun["conversation_id"]).clone_into(&mut first);
        }
    }
    // A later message does not move it up.
    ask_in(&admin, &first, "help").send().await.expect(200);

    for (query, expected) in [
        ("", "43210"),
        ("?limit=2", "43"),
        ("?limit=0", "4"),
        ("?limit=-5", "4"),
        ("?limit=2&offset=2", "21"),
        ("?offset=-1", "43210"),
        ("?offset=5", ""),
        ("?offset=99999999999999999999", ""),
        ("?limit=1000", "43210"),
    ] {
        assert_eq!(titles(&admin, query).await.concat(), expected, "{query}");
    }
    let page = admin.get(&format!("{CONVERSATIONS}?limit=2")).send().await.expect(200);
    let next = text(&page["next_cursor"]).to_owned();
    assert_eq!(titles(&admin, &format!("?limit=2&cursor={next}")).await.concat(), "21");
    for (query, fault) in [
        ("?limit=x", "int_parsing query.limit"),
        ("?offset=1.5", "int_parsing query.offset"),
        ("?cursor=made-up", "value_error query.cursor"),
    ] {
        assert_eq!(admin.get(&format!("{CONVERSATIONS}{query}")).send().await.faults(), [fault]);
    }
}

#[tokio::test]
async fn a_conversation_is_its_users_own() {
    let world = World::open().await;
    let (admin, stranger) = (world.tenant().await, world.tenant().await);
    let member = admin.member().await;
    let conversation = begin(&member).await;

    for actor in [&admin, &stranger] {
        let read = actor.get(&format!("{CONVERSATIONS}/{conversation}")).send().await;
        let asked = ask_in(actor, &conversation, "help").send().await;
        for reply in [read, asked] {
            assert_eq!(reply.detail(404), "Conversation not found");
        }
        let listed = actor.get(CONVERSATIONS).send().await.expect(200);
        assert_eq!(listed["items"], json!([]));
    }
    for id in ["nope", "770e8400-e29b-41d4-a716-446655440000"] {
        let reply = member.get(&format!("{CONVERSATIONS}/{id}")).send().await;
        assert_eq!(reply.detail(404), "Conversation not found");
    }
    assert_eq!(messages(&member, &conversation).await, Vec::<Value>::new());
}

#[tokio::test]
async fn messages_come_oldest_first_a_question_before_its_answer() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let conversation = begin(&admin).await;
    for (message, now) in [("help", "2026-02-10T12:00:00Z"), ("hello", "2026-02-10T12:00:00.000001Z")] {
        ask_in(&admin, &conversation, message).at(now).send().await.expect(200);
    }

    let messages = messages(&admin, &conversation).await;

    let told: Vec<_> =
        messages.iter().map(|message| (text(&message["role"]), text(&message["content"]))).collect();
    assert_eq!((told[0], told[2]), (("user", "help"), ("user", "hello")));
    assert!(told[1].0 == "assistant" && told[1].1.starts_with("Available commands:"), "{told:?}");
    assert_eq!(told[3], ("assistant", "Try: 'today's brief', 'kpis', 'outbox', or 'help'"));
    assert_eq!(messages[0]["created_at"], messages[1]["created_at"]);
    assert_eq!((&messages[0]["cards"], messages.len()), (&json!([]), 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_of_more_than_a_thousand_messages_goes_on_behind_the_cursor() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.without_limits(&admin).await;
    let conversation = begin(&admin).await;
    // All at the same instant: their order is total all the same.
    for burst in 0..11 {
        let asked = (0..50).map(|n| ask_in(&admin, &conversation, &format!("{burst}-{n}")));
        assert!(at_once(asked).await.iter().all(|reply| reply.status == 200));
    }

    let first = admin.get(&format!("{CONVERSATIONS}/{conversation}")).send().await.expect(200);
    let all = messages(&admin, &conversation).await;

    assert_eq!((first["messages"].as_array().unwrap().len(), all.len()), (1_000, 1_100));
    assert_eq!(first["messages"].as_array().unwrap()[..], all[..1_000]);
    let asked: std::collections::BTreeSet<&str> =
        all.iter().step_by(2).map(|message| text(&message["content"])).collect();
    assert_eq!(asked.len(), 550, "nothing is lost");
    let elsewhere = begin(&admin).await;
    let cursor = text(&first["next_cursor"]);
    let reply = admin.get(&format!("{CONVERSATIONS}/{elsewhere}?cursor={cursor}")).send().await;
    assert_eq!(reply.faults(), ["value_error query.cursor"]);
}

#[tokio::test]
async fn a_repeat_under_a_key_begins_no_second_conversation() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let begin = |title: &str| admin.post(CONVERSATIONS).key("k").json(&json!({"title": title}));

    let replies = at_once((0..8).map(|_| begin("one"))).await;

    assert!(replies.iter().all(|reply| reply.status == 201 && reply.text == replies[0].text));
    assert_eq!(titles(&admin, "").await, ["one"]);
    assert_eq!(begin("two").send().await.json()["error"], "idempotency_conflict");
}
