//! Who sends this? Three headers say so, and every route asks for them alike (gateway.md 2).

use bespin_tests::World;
use serde_json::json;
use uuid::Uuid;

use super::routes::{Objects, all};

const HEADERS: [&str; 3] = ["X-Tenant-ID", "X-User-ID", "X-API-Key"];

fn an_id_of_nothing() -> String {
    Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef).to_string()
}

#[tokio::test]
async fn a_stranger_is_told_which_header_is_missing_and_they_are_asked_for_in_order() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let own = Objects::of(&admin).await;

    for route in all() {
        let mut request = route.by_nobody(&world, &own);
        for (at, name) in HEADERS.into_iter().enumerate() {
            let detail = json!(format!("Missing required header: {name}"));
            route.assert_refused(&request.clone().send().await, 400, &detail);
            // An empty header is no header, and neither is one of blanks.
            route.assert_refused(&request.clone().header(name, "").send().await, 400, &detail);
            route.assert_refused(&request.clone().header(name, " \t ").send().await, 400, &detail);
            // Names are case-insensitive; the values of the later ones do not matter yet.
            let name = if at % 2 == 0 { name.to_lowercase() } else { name.to_uppercase() };
            request = request.header(&name, "anything");
        }
        assert_eq!(request.send().await.status, 401, "{}", route.name());
    }
}

#[tokio::test]
async fn an_unknown_tenant_and_a_wrong_key_answer_alike_on_every_route() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let other = world.tenant().await;
    let own = Objects::of(&admin).await;
    let key = admin.api_key.clone();
    let mistyped = key.replace(&key[key.len() - 1..], if key.ends_with('a') { "b" } else { "a" });
    let (head, checksum) = key.rsplit_once('_').unwrap();

    let wrong: Vec<(&str, &str, Vec<u8>)> = vec![
        ("tenant that never was", "x-tenant-id", an_id_of_nothing().into()),
        ("tenant in upper case", "x-tenant-id", admin.tenant_id.to_uppercase().into()),
        ("tenant that is no id", "x-tenant-id", "acme".into()),
        ("tenant that is no text", "x-tenant-id", b"\xff\xfe".to_vec()),
        ("another tenant", "x-tenant-id", other.tenant_id.clone().into()),
        ("key of another tenant", "x-api-key", other.api_key.clone().into()),
        ("mistyped key", "x-api-key", mistyped.into()),
        ("key without checksum", "x-api-key", head.into()),
        ("key with a longer tail", "x-api-key", format!("{key}a").into()),
        ("key in upper case", "x-api-key", key.to_uppercase().into()),
        ("key of another make", "x-api-key", "k3J9xwqq0Yc1hJc5Yx8m1w2t7u6v5s4r3q2p1o0n9m8".into()),
        ("nothing but a checksum", "x-api-key", checksum.into()),
        ("non-ASCII key", "x-api-key", "schlüssel".into()),
        ("key that is no text", "x-api-key", b"bsp_local_\xc3\x28".to_vec()),
        ("endless key", "x-api-key", vec![b'k'; 100_000]),
    ];
    for route in all() {
        for (what, header, value) in &wrong {
            let reply = route.by(&admin, &own).header(header, value).send().await;

            assert_eq!(reply.status, 401, "{what}, {}: {}", route.name(), reply.text);
            route.assert_refused(&reply, 401, &json!("Invalid tenant ID or API key"));
            assert_eq!(reply.header("www-authenticate"), None);
            assert_eq!(reply.json()["error"], "invalid_credentials");
        }
    }
}

#[tokio::test]
async fn a_user_who_is_unknown_or_anothers_is_refused_on_every_route() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let other = world.tenant().await;
    let own = Objects::of(&admin).await;

    for route in all() {
        let request = route.by(&admin, &own);
        for unknown in [an_id_of_nothing().as_str(), "42", "ünknown", &admin.user_id.to_uppercase()] {
            let reply = request.clone().header("x-user-id", unknown).send().await;
            route.assert_refused(&reply, 403, &json!("User not found"));
        }
        let reply = request.clone().header("x-user-id", &other.user_id).send().await;
        route.assert_refused(&reply, 403, &json!("User does not belong to this tenant"));
    }
}

#[tokio::test]
async fn without_the_tenants_key_nobody_learns_which_users_there_are() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let other = world.tenant().await;
    let keyless = admin.get("/v1/kpis").header("x-api-key", &other.api_key);

    for user_id in [&admin.user_id, &other.user_id, &an_id_of_nothing(), &"42".to_owned()] {
        let reply = keyless.clone().header("x-user-id", user_id).send().await;
        assert_eq!(reply.detail(401), "Invalid tenant ID or API key", "{user_id}");
    }
}

#[tokio::test]
async fn a_key_that_we_never_made_is_refused_before_anything_is_read() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let mut mistyped = admin.api_key.clone();
    let last = mistyped.pop().unwrap();
    mistyped.push(if last == 'a' { 'b' } else { 'a' });

    for (header, value) in [
        ("x-api-key", mistyped),
        ("x-api-key", admin.api_key.replace("bsp_", "xyz_")),
        ("x-api-key", "guess".to_owned()),
        ("x-tenant-id", "guess".to_owned()),
    ] {
        let reply = admin.get("/v1/kpis").header(header, value).send().await;

        assert_eq!(reply.status, 401);
        assert_eq!((reply.cost().round_trips, reply.cost().read_units), (0, 0.0));
    }
}
