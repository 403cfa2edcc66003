//! A process that dies between any two calls of the store leaves what a turn holds of its tenant's plan held once or not at
//! all, and posted once (I8).

use serde_json::json;

use super::words::{MONTH, NOON, begin, credits, settle, with_credits};

#[tokio::test(start_paused = true)]
async fn a_turn_whose_process_died_at_any_call_holds_once_and_is_paid_once() {
    let units = json!({"tool_invocation": 2});
    for calls in 0.. {
        let (world, admin) = with_credits(20).await;
        let case = format!("died after {calls} calls");
        let begin = || begin(&admin, "turn", &units, 120, "charge").send();

        world.faults().stop_after(calls);
        let begun_once = begin().await.status == 201;
        world.faults().clear();
        let turn = begin().await.expect(201);
        assert_eq!(credits(&admin, NOON).await, [0, 2, 18], "{case}");

        let id = turn["turn_id"].as_str().unwrap();
        world.faults().stop_after(calls);
        let settled_once = settle(&admin, id, &units).send().await.status == 200;
        world.faults().clear();
        settle(&admin, id, &units).send().await.expect(200);
        assert_eq!(credits(&admin, NOON).await, [2, 0, 18], "{case}");
        assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 1, "{case}");
        if begun_once && settled_once {
            assert!(calls >= 3, "two reads and a transaction");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_while_it_writes_down_what_is_over_is_followed_by_the_next_one() {
    let over = "2026-02-10T12:02:00Z";
    for calls in 0.. {
        let (world, admin) = with_credits(20).await;
        for (key, at_expiry) in [("a", "charge"), ("b", "free"), ("c", "charge")] {
            begin(&admin, key, &json!({"tool_invocation": 2}), 120, at_expiry).send().await.expect(201);
        }

        world.faults().stop_after(calls);
        let looked = admin.get("/v1/billing/usage").at(over).send().await.status == 200;
        world.faults().clear();

        let case = format!("died after {calls} calls");
        assert_eq!(credits(&admin, over).await, [4, 0, 16], "{case}");
        assert_eq!(world.assert_ledger_equals_counters(&admin, MONTH).await, 2, "{case}");
        if looked {
            assert!(calls >= 5, "two reads and a transaction for each turn");
            break;
        }
    }
}
