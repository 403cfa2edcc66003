//! What a refusal says, to the letter: clients read its members by name in either place, and scripts compare whole
//! answers. When a limit refuses is the business of the gateway's specifications.

use bespin_entitlements::SubscriptionStatus;
use bespin_metering::MeteredEvent;
use bespin_primitives::Micros;
use bespin_table::{Condition, Transaction, keys};
use bespin_tests::{Actor, Reply, World};

use crate::{echo, put_limits};

const RETRY_AFTER_MIDNIGHT: Option<&str> = Some("43200");
const RETRY_AFTER_THE_MONTH: Option<&str> = Some("1598400");

/// The members of `detail` and the same ones at the top level, where `status` and `error` have their place already.
#[track_caller]
fn assert_says(reply: &Reply, status: u16, message: &str, error: &str, members: &str) {
    let request_id = reply.header("x-request-id").unwrap();
    let expected = format!(
        r#"{{"status":{status},"error":"{error}","message":"{message}","request_id":"{request_id}",{members},"detail":{{"error":"{error}",{members}}}}}"#
    );
    assert_eq!((reply.status, reply.text.as_str()), (status, expected.as_str()));
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

async fn use_up(actor: &Actor, calls: u64) -> Reply {
    for key in 0..calls {
        echo(actor, key).send().await.expect(200);
    }
    echo(actor, "one too many").send().await
}

#[tokio::test]
async fn a_daily_limit() {
    let world = World::open().await;
    let admin = world.tenant().await;
    put_limits(&admin, [9, 2, 9, 9]).send().await.expect(200);

    let first = use_up(&admin, 2).await;

    for refused in [first, echo(&admin, "one too many").send().await, echo(&admin, "another").send().await] {
        assert_says(
            &refused,
            429,
            "Limit reached: 2 tool_invocation used and 1 tool_invocation asked, of 2 tool_invocation a day for the tenant; it starts again at 2026-02-11T00:00:00.000000Z",
            "quota_exceeded",
            r#""activity_type":"tool_invocation","limit":2,"current":2,"requested":1,"scope":"tenant","window":"day","resets_at":"2026-02-11T00:00:00.000000Z""#,
        );
        assert_eq!(refused.header("retry-after"), RETRY_AFTER_MIDNIGHT);
    }
}

#[tokio::test]
async fn the_credits_of_the_plan() {
    let world = World::open().await;
    let admin = world.tenant().await;
    world.set_plan(&admin, |plan| plan.included_credits = 5).await;

    let first = use_up(&admin, 2).await;

    for refused in [first, echo(&admin, "one too many").send().await, echo(&admin, "another").send().await] {
        assert_says(
            &refused,
            429,
            "Limit reached: 4 credits used and 2 credits asked, of 5 credits a billing period for the tenant; it starts again at 2026-03-01T00:00:00.000000Z",
            "quota_exceeded",
            r#""period_start":"2026-02-01","event_key":"tool_invocation","limit_credits":5,"used_credits":4,"requested_credits":2,"cap_raw_units":null,"used_raw_units":null,"requested_raw_units":1,"scope":"tenant","window":"billing_period","resets_at":"2026-03-01T00:00:00.000000Z""#,
        );
        assert_eq!(refused.header("retry-after"), RETRY_AFTER_THE_MONTH);
    }
}

#[tokio::test]
async fn the_cap_of_the_plan() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let cap = [(MeteredEvent::ToolInvocation.key().to_owned(), Micros::new(2_500_000))];
    world.set_plan(&admin, |plan| plan.caps = cap.into()).await;

    let first = use_up(&admin, 2).await;

    for refused in [first, echo(&admin, "one too many").send().await, echo(&admin, "another").send().await] {
        assert_says(
            &refused,
            429,
            "Limit reached: 2 tool_invocation used and 1 tool_invocation asked, of 2 tool_invocation a billing period for the tenant; it starts again at 2026-03-01T00:00:00.000000Z",
            "quota_exceeded",
            r#""period_start":"2026-02-01","event_key":"tool_invocation","limit_credits":500,"used_credits":4,"requested_credits":2,"cap_raw_units":2.5,"used_raw_units":2,"requested_raw_units":1,"scope":"tenant","window":"billing_period","resets_at":"2026-03-01T00:00:00.000000Z""#,
        );
        assert_eq!(refused.header("retry-after"), RETRY_AFTER_THE_MONTH);
    }
}

/// Of these the message is a member, too, and a subscription's status stands where the answer's would.
#[tokio::test]
async fn no_subscription_a_suspended_one_and_one_that_lacks_a_capability() {
    let world = World::open().await;
    let [without, suspended, denied] = [world.tenant().await, world.tenant().await, world.tenant().await];
    let tenant_id = without.access().await.tenant_id();
    let mut removal = Transaction::new();
    removal.delete(keys::subscription(tenant_id), Condition::present());
    world.deps().table.commit(removal).await.unwrap();
    world.deps().access.forget(tenant_id);
    world.set_status(&suspended, SubscriptionStatus::Suspended).await;
    world.set_plan(&denied, |plan| plan.capabilities.clear()).await;
    let plan_id = format!("of-{}", denied.tenant_id);

    for (tenant, status, error, message, more) in [
        (&without, "403", "no_subscription", "Tenant has no active subscription", String::new()),
        (
            &suspended,
            r#""suspended""#,
            "subscription_suspended",
            "Tenant subscription is suspended",
            r#","status":"suspended""#.to_owned(),
        ),
        (
            &denied,
            "403",
            "capability_denied",
            "Plan does not include capability: tools",
            format!(r#","capability_key":"tools","plan_id":"{plan_id}""#),
        ),
    ] {
        let refused = echo(tenant, "key").send().await;

        let request_id = refused.header("x-request-id").unwrap();
        // The status is told once at the top, in its own place.
        let at_the_top = if tenant.tenant_id == suspended.tenant_id { "" } else { &more };
        let expected = format!(
            r#"{{"status":{status},"error":"{error}","message":"{message}","request_id":"{request_id}"{at_the_top},"detail":{{"error":"{error}","message":"{message}"{more}}}}}"#
        );
        assert_eq!((refused.status, refused.text.as_str()), (403, expected.as_str()));
        assert_eq!(refused.header("retry-after"), None, "waiting does not help");
    }
}
