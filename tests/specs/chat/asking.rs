//! `POST /v1/cofounder/chat`: order of checks, effects, keys, limits (gateway.md 10.4).

use bespin_entitlements::DailyLimits;
use bespin_primitives::Credits;
use bespin_tests::{Actor, World};
use serde_json::{Value, json};

use crate::{CHAT, CONVERSATIONS, MONTH, ask, ask_in, at_once, begin, messages, text};

async fn limit_queries(world: &World, admin: &Actor, most: u64) {
    world.set_daily_limits(admin, DailyLimits { assistant_query: most, ..DailyLimits::default() }).await;
}

async fn conversations(actor: &Actor) -> Vec<Value> {
    let listed = actor.get(CONVERSATIONS).send().await.expect(200);
    listed["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_question_begins_a_conversation_titled_by_it_and_is_metered_once() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let message = format!("{} and more", "é".repeat(40));

    let answer = ask(&admin, &message).send().await.expect(200);

    let names: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(names, ["request_id", "conversation_id", "assistant_message"]);
    let listed = conversations(&admin).await;
    assert_eq!((listed.len(), text(&listed[0]["title"])), (1, "é".repeat(40).as_str()));
    assert_eq!(listed[0]["conversation_id"], answer["conversation_id"]);
    let said = messages(&admin, text(&answer["conversation_id"])).await;
    assert_eq!((text(&said[0]["content"]), said.len()), (message.as_str(), 2));
    assert_eq!(said[1]["message_id"], answer["assistant_message"]["message_id"]);
    let entry = world.ledger(&admin, MONTH).await.remove(0);
    assert_eq!(
        (
            entry.event.key(),
            entry.raw_units,
            entry.credits,
            entry.tool_name.as_deref(),
            entry.action.as_deref()
        ),
        ("assistant_query", 1, Credits::whole(1), Some("chat"), Some("cofounder.chat"))
    );
    assert_eq!(entry.request_id.to_string(), text(&answer["request_id"]));
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 1);
}

#[tokio::test]
async fn a_title_stays_even_if_there_is_none_and_an_empty_id_begins_anew() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let conversation = begin(&admin).await;
    ask_in(&admin, &conversation, "help").send().await.expect(200);
    assert_eq!(conversations(&admin).await[0]["title"], Value::Null);

    for id in [json!(""), json!(null)] {
        let body = json!({"message": "new", "conversation_id": id});
        let answer = admin.post(CHAT).json(&body).send().await.expect(200);
        assert_ne!(text(&answer["conversation_id"]), conversation);
    }
    assert_eq!(conversations(&admin).await.len(), 3);
}

#[tokio::test]
async fn what_makes_no_sense_is_named_before_anything_is_asked() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for (body, faults) in [
        (json!({}), vec!["missing body.message"]),
        (json!({"message": ""}), vec!["string_too_short body.message"]),
        (json!({"message": "x".repeat(4_001)}), vec!["string_too_long body.message"]),
        (
            json!({"message": 1, "conversation_id": 2, "date": []}),
            vec!["string_type body.message", "string_type body.conversation_id", "string_type body.date"],
        ),
    ] {
        assert_eq!(admin.post(CHAT).json(&body).send().await.faults(), faults);
    }
    ask(&admin, &"ü".repeat(4_000)).send().await.expect(200);
}

#[tokio::test]
async fn limits_come_before_a_conversation_that_is_not_there_and_a_refusal_leaves_nothing() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for id in ["nope", "770e8400-e29b-41d4-a716-446655440000"] {
        assert_eq!(ask_in(&admin, id, "help").send().await.detail(404), "Conversation not found");
        assert_eq!(ask_in(&admin, id, "kpis").send().await.detail(404), "Conversation not found");
    }
    limit_queries(&world, &admin, 0).await;

    for id in ["nope", "770e8400-e29b-41d4-a716-446655440000", ""] {
        for message in ["help", "kpis"] {
            let refused = ask_in(&admin, id, message).send().await.detail(429);
            assert_eq!(refused["activity_type"], "assistant_query", "{id} {message}");
        }
    }
    world.set_plan(&admin, |plan| plan.included_credits = 0).await;
    assert_eq!(ask(&admin, "help").send().await.detail(429)["event_key"], "assistant_query", "credits first");
    assert_eq!((conversations(&admin).await.len(), world.ledger(&admin, MONTH).await.len()), (0, 0));
}

#[tokio::test]
async fn without_the_capability_nothing_is_answered() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_plan(&admin, |plan| plan.capabilities.clear()).await;

    assert_eq!(ask(&admin, "help").send().await.detail(403)["capability_key"], "chat");
    begin(&admin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_exactly_as_many_are_answered_as_the_day_has_left() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let conversation = begin(&admin).await;
    limit_queries(&world, &admin, 10).await;

    let replies = at_once((0..64).map(|n| ask_in(&admin, &conversation, &n.to_string()))).await;

    let answered = replies.iter().filter(|reply| reply.status == 200).count();
    assert!(replies.iter().all(|reply| [200, 429].contains(&reply.status)));
    assert_eq!((answered, messages(&admin, &conversation).await.len()), (10, 20));
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_has_one_answer_and_one_charge_however_often_it_is_sent() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let conversation = begin(&admin).await;

    let replies = at_once((0..32).map(|_| ask_in(&admin, &conversation, "kpis").key("k"))).await;

    assert!(replies.iter().all(|reply| reply.status == 200 && reply.text == replies[0].text));
    assert_eq!(messages(&admin, &conversation).await.len(), 2);
    assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 1);
    let other = ask_in(&admin, &conversation, "help").key("k").send().await;
    assert_eq!(other.detail(409), "Idempotency key 'k' was already used with a different request body");
    // A replay is free, whatever the limits say by now.
    limit_queries(&world, &admin, 0).await;
    assert_eq!(ask_in(&admin, &conversation, "kpis").key("k").send().await.text, replies[0].text);
    // Without a key each question is a new one.
    limit_queries(&world, &admin, 9).await;
    for _ in 0..2 {
        ask_in(&admin, &conversation, "kpis").send().await.expect(200);
    }
    assert_eq!(messages(&admin, &conversation).await.len(), 6);
}

#[tokio::test]
async fn a_key_is_its_users_own_so_nobody_is_answered_with_what_is_anothers() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let member = admin.member().await;
    for (path, body) in [(CHAT, json!({"message": "outbox"})), (CONVERSATIONS, json!({"title": "mine"}))] {
        let send = |actor: &Actor| actor.post(path).key("k").json(&body).send();

        let (first, other, again) = (send(&admin).await, send(&member).await, send(&admin).await);

        assert_eq!((first.status, &first.text), (again.status, &again.text), "{path}");
        assert_ne!(first.json()["conversation_id"], other.json()["conversation_id"], "{path}");
        assert_eq!(first.status, other.status, "{path}");
    }
    assert_eq!((conversations(&admin).await.len(), conversations(&member).await.len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_question_that_dies_on_the_way_is_answered_once_by_its_repeat() {
    for calls in 0.. {
        let world = World::open().await;
        let admin = world.tenant().await;
        admin.kpi("MRR").await;
        world.faults().stop_after(calls);
        let died = ask(&admin, "kpis").key("k").send().await;
        world.faults().clear();

        let answer = ask(&admin, "kpis").key("k").send().await;

        answer.expect(200);
        assert_eq!(conversations(&admin).await.len(), 1, "died after {calls} calls");
        world.assert_ledger_equals_counters(&admin, MONTH).await;
        if died.status == 200 {
            assert_eq!(died.text, answer.text);
            break;
        }
        assert_eq!(died.status, 503);
    }
}
