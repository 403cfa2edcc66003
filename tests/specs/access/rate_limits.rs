//! How often one address may try (gateway.md 2, 3.1, 17).

use std::{num::NonZeroU32, sync::Arc};

use axum::Router;
use bespin_edge::{Deps, Settings};
use bespin_local::{LocalSettings, RequestClock};
use bespin_primitives::{OsRandom, SystemClock};
use bespin_tests::{Request, World};
use bespin_web::Surface;
use serde_json::json;

#[tokio::test]
async fn each_address_has_its_own_sign_ups_and_a_household_of_ipv6_is_one_address() {
    let signups_per_minute = NonZeroU32::new(1);
    let world =
        World::open_with(LocalSettings { test_clock: true, signups_per_minute, ..LocalSettings::default() })
            .await;

    for (address, status) in [
        ("192.0.2.1", 201),
        ("192.0.2.1", 429),
        ("192.0.2.2", 201),
        ("::ffff:192.0.2.2", 429),
        ("2001:db8:0:7::1", 201),
        ("2001:db8:0:7:ffff:ffff:ffff:ffff", 429),
        ("2001:db8:0:8::1", 201),
    ] {
        // What the caller claims about itself does not matter.
        let claimed = world.sign_up().header("x-forwarded-for", "198.51.100.7").from_address(address);
        let reply = claimed.send().await;
        assert_eq!(reply.status, status, "{address}: {}", reply.text);
    }
}

/// Routes over the world's table, as a function with these settings serves them.
fn served(world: &World, change: impl FnOnce(&mut Settings)) -> Router {
    let mut settings = (*world.deps().settings).clone();
    change(&mut settings);
    let surface = Surface {
        clock: Arc::new(RequestClock { clock: Arc::new(SystemClock), header_counts: true }),
        random: Arc::new(OsRandom),
        cors_origins: Vec::new(),
        expose_cost: true,
        per_tenant_per_second: settings.per_tenant_per_second,
        per_address_per_second: settings.per_address_per_second,
    };
    let deps =
        Deps::new(&world.table_of(world.embedded()), settings, Arc::new(SystemClock), Arc::new(OsRandom));
    surface.wrap(bespin_fn_kpis::routes(deps.clone()).merge(bespin_fn_admin::routes(deps)))
}

#[tokio::test]
async fn an_address_that_guesses_is_refused_before_anything_is_read_until_its_failures_grow_old() {
    let world = World::open().await;
    let (admin, other) = (world.tenant().await, world.tenant().await);
    let member = admin.member().await;
    let router = served(&world, |settings| settings.auth_failures_per_minute = NonZeroU32::new(3));
    let from = |address: &str, request: Request| request.through(&router).from_address(address);
    let good = || from("192.0.2.1", admin.get("/v1/kpis"));

    // Successes, and refusals of those who are who they say, cost nothing.
    for _ in 0..5 {
        good().send().await.expect(200);
        let refused = from("192.0.2.1", member.post("/v1/kpis").json(&json!({"name": "x"})));
        assert_eq!(refused.send().await.status, 403);
    }
    for (header, guess, status) in [
        ("x-api-key", "guess", 401),
        ("x-api-key", &*other.api_key, 401),
        ("x-user-id", &*other.user_id, 403),
    ] {
        assert_eq!(good().header(header, guess).send().await.status, status);
    }

    let refused = good().header("x-user-id", "another guess").send().await;
    assert_eq!(refused.detail(429), json!({"error": "rate_limited"}));
    assert_eq!((refused.header("retry-after"), refused.cost().round_trips), (Some("20"), 0));
    assert_eq!(good().send().await.status, 429, "who guessed right must not learn it");
    from("192.0.2.2", admin.get("/v1/kpis")).send().await.expect(200);
    good().at("2026-02-10T12:00:20Z").send().await.expect(200);
}

#[tokio::test]
async fn whoever_guesses_the_operators_key_finds_nothing_for_a_while_even_with_the_right_one() {
    let world = World::open().await;
    let router = served(&world, |settings| settings.auth_failures_per_minute = NonZeroU32::new(3));
    let plans = || world.operator("GET", "/v1/admin/plans").through(&router).from_address("192.0.2.1");
    plans().send().await.expect(200);
    for guess in ["a", "b", "c"] {
        plans().header("x-platform-admin-key", guess).send().await.detail(404);
    }

    assert_eq!(plans().send().await.detail(404), "Not Found", "no 429 tells that there is something to find");

    plans().from_address("192.0.2.2").send().await.expect(200);
    plans().at("2026-02-10T12:00:20Z").send().await.expect(200);
}

#[tokio::test]
async fn a_stranger_who_knows_a_tenants_id_cannot_use_up_its_requests() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let router = served(&world, |settings| settings.per_tenant_per_second = NonZeroU32::new(2));
    let list = || admin.get("/v1/kpis").through(&router);

    for _ in 0..5 {
        list().header("x-api-key", "guess").send().await;
    }
    assert_eq!(
        list().header("x-api-key", "guess").send().await.detail(429),
        json!({"error": "rate_limited"})
    );
    for status in [200, 200, 429] {
        assert_eq!(list().send().await.status, status);
    }
    assert_eq!(list().send().await.header("retry-after"), Some("1"));
    list().at("2026-02-10T12:00:01Z").send().await.expect(200);
}
