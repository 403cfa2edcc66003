//! Who gets in.

use std::num::NonZeroU32;

use bespin_tests::{CONSOLE_KEY, Reply, World};

use super::told::{TABLES, served};

/// Every page of the console.
fn pages() -> Vec<String> {
    let tenant = "770e8400-e29b-41d4-a716-446655440000";
    let mut pages: Vec<String> = [
        "/console",
        "/console/tenants",
        "/console/billing",
        "/console/billing/plans/starter",
        "/console/db/download",
    ]
    .map(str::to_owned)
    .into();
    pages.push(format!("/console/tenants/{tenant}"));
    pages.extend(TABLES.iter().chain(&["nonsense"]).map(|table| format!("/console/db/{table}")));
    pages
}

fn cookie(reply: &Reply) -> (String, String) {
    let cookie = reply.header("set-cookie").expect("a cookie");
    let (session, attributes) = cookie.split_once("; ").unwrap();
    (session.to_owned(), attributes.to_owned())
}

#[tokio::test]
async fn without_settings_there_is_no_console_and_no_key_opens_one() {
    let world = World::open().await;

    for page in pages() {
        for key in ["dev-console-secret", CONSOLE_KEY, ""] {
            let reply = world.request("GET", &format!("{page}?key={}", key.replace(' ', "%20"))).send().await;
            assert_eq!(reply.detail(404), "Not Found", "{page} with {key}");
            assert_eq!(reply.header("set-cookie"), None);
        }
    }
    let form = world.request("POST", "/console/sign-in").body("key=dev-console-secret");
    assert_eq!(form.send().await.detail(404), "Not Found");
}

#[tokio::test]
async fn the_key_is_asked_for_before_it_is_told_whether_there_is_a_console() {
    for world in [World::open().await, World::with_console().await] {
        for page in pages() {
            let reply = world.request("GET", &format!("{page}?limit=nonsense")).send().await;
            assert_eq!(reply.faults(), ["missing query.key"], "{page}");
            let made_up = world.request("GET", &page).header("cookie", "bespin_console=1.00").send().await;
            assert_eq!(made_up.faults(), ["missing query.key"], "{page}");
        }
        let browser = world.request("GET", "/console/tenants?cursor=x").header("accept", "text/html,*/*");
        let page = browser.send().await;
        assert_eq!(page.status, 422);
        assert!(page.text.contains(r#"name="key" type="password""#), "{}", page.text);
        assert!(page.text.contains(r#"name="to" value="/console/tenants?cursor=x""#), "{}", page.text);
    }
}

#[tokio::test]
async fn a_wrong_key_is_not_found_whatever_else_is_asked_and_whoever_is_signed_in() {
    let world = World::with_console().await;

    for page in pages() {
        for key in ["wrong", "", "the%20key%20of%20the%20consol", "the%20key%20of%20the%20console%20"] {
            let asked = format!("{page}?key={key}&limit=nonsense");
            assert_eq!(world.request("GET", &asked).send().await.detail(404), "Not Found", "{asked}");
            assert_eq!(world.console(&asked).send().await.detail(404), "Not Found", "{asked}");
        }
    }
    let browser = world.request("GET", "/console?key=wrong").header("accept", "text/html").send().await;
    assert_eq!(browser.status, 404);
    assert!(browser.text.contains("<h1>Not Found</h1>"), "{}", browser.text);
}

#[tokio::test]
async fn the_key_is_shown_once_and_a_cookie_opens_the_clean_address() {
    let world = World::with_console().await;

    let shown = world
        .request("GET", "/console/db/users?limit=5&key=the%20key%20of%20the%20console&tenant=")
        .header("host", "localhost:8000");
    let led = shown.send().await;

    assert_eq!(led.status, 303, "{}", led.text);
    assert_eq!(led.header("location"), Some("/console/db/users?limit=5&tenant="));
    assert_eq!(
        (led.header("cache-control"), led.header("referrer-policy")),
        (Some("no-store"), Some("no-referrer"))
    );
    let (session, attributes) = cookie(&led);
    assert_eq!(attributes, "Path=/console; Max-Age=43200; HttpOnly; SameSite=Strict");
    assert!(!session.contains("key%20") && !session.contains("key of"), "{session}");
    let page =
        world.request("GET", "/console/db/users?limit=5").header("cookie", format!("a=b; {session}; c=d"));
    assert_eq!(page.send().await.status, 200);
}

#[tokio::test]
async fn away_from_the_own_machine_a_session_goes_over_tls_only() {
    let world = World::with_console().await;

    for host in ["console.example.com", "localhost.example.com"] {
        let shown = world.request("GET", "/console?key=the%20key%20of%20the%20console").header("host", host);
        let (_, attributes) = cookie(&shown.send().await);
        assert!(attributes.ends_with("; Secure"), "{attributes}");
    }
}

#[tokio::test]
async fn a_session_is_over_after_twelve_hours_or_when_its_user_signs_out() {
    let world = World::with_console().await;
    let form = "key=the+key+of+the+console&to=%2Fconsole%2Ftenants";
    let led = world.request("POST", "/console/sign-in").body(form).send().await;
    assert_eq!((led.status, led.header("location")), (303, Some("/console/tenants")));
    let (session, _) = cookie(&led);
    let at = |now: &str| world.request("GET", "/console").header("cookie", &session).at(now).send();

    assert_eq!(at("2026-02-10T23:59:59Z").await.status, 200);
    assert_eq!(at("2026-02-11T00:00:00Z").await.faults(), ["missing query.key"]);

    let out = world.request("POST", "/console/sign-out").header("cookie", &session).send().await;
    let (cleared, attributes) = cookie(&out);
    assert_eq!((out.status, out.header("location")), (303, Some("/console")));
    assert_eq!(cleared, "bespin_console=");
    assert!(attributes.contains("Max-Age=0") && attributes.contains("Path=/console"), "{attributes}");
}

#[tokio::test]
async fn the_form_leads_nowhere_but_into_the_console() {
    let world = World::with_console().await;

    for to in ["//example.com", "https://example.com/console", "/v1/kpis", "/console\\x", ""] {
        let to = to.replace('/', "%2F").replace(':', "%3A").replace('\\', "%5C");
        let form = format!("key=the+key+of+the+console&to={to}");
        let led = world.request("POST", "/console/sign-in").body(form).send().await;
        let location = led.header("location").unwrap();
        assert!(location.starts_with("/console") && led.status == 303, "{to}: {location}");
    }
    assert_eq!(
        world.request("POST", "/console/sign-in").body("to=x").send().await.faults(),
        ["missing body.key"]
    );
    let wrong = world.request("POST", "/console/sign-in").body("key=wrong").send().await;
    assert_eq!(wrong.detail(404), "Not Found");
}

#[tokio::test]
async fn whoever_guesses_keys_is_shut_out_for_a_while_even_with_the_right_one() {
    let world = World::with_console().await;
    let router = served(&world, |settings| settings.auth_failures_per_minute = NonZeroU32::new(3));
    let from = |address: &str, key: &str| {
        world.request("GET", &format!("/console?key={key}")).through(&router).from_address(address).send()
    };
    let try_key = |key: &str| from("203.0.113.7", key);

    for guess in 0..3 {
        assert_eq!(try_key(&guess.to_string()).await.detail(404), "Not Found");
    }

    assert_eq!(try_key("the%20key%20of%20the%20console").await.detail(404), "Not Found");
    assert_eq!(from("203.0.113.8", "the%20key%20of%20the%20console").await.status, 303);
}

#[tokio::test]
async fn every_page_forbids_what_pages_need_not_do_and_is_kept_by_no_cache() {
    let world = World::with_console().await;
    let signed_in = pages().into_iter().map(|page| world.console(&page));
    let refused = [world.request("GET", "/console"), world.request("GET", "/console/db/users?key=wrong")];
    let refused = refused.map(|request| request.header("accept", "text/html"));

    for request in signed_in.chain(refused) {
        let reply = request.clone().header("accept", "text/html").send().await;

        assert_eq!(reply.header("cache-control"), Some("no-store"), "{request:?}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        if reply.header("content-type") == Some("text/html; charset=utf-8") {
            let policy = reply.header("content-security-policy").unwrap();
            for part in [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'self'",
            ] {
                assert!(policy.contains(part), "{part} in {policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        }
    }
}

#[tokio::test]
async fn nothing_can_be_changed_through_the_console() {
    let world = World::with_console().await;

    for page in pages() {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let reply = world.console(&page).method(method).send().await;
            assert_eq!(reply.detail(405), "Method Not Allowed", "{method} {page}");
        }
    }
}

#[tokio::test]
async fn the_stylesheet_is_there_for_everybody_and_kept_for_a_year() {
    let world = World::open().await;
    let page = world.request("GET", "/console").header("accept", "text/html").send().await.text;
    let path = page.split("href=\"").find(|part| part.contains(".css")).unwrap().split('"').next().unwrap();

    let sheet = world.request("GET", path).send().await;

    assert_eq!((sheet.status, sheet.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert_eq!(sheet.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(world.request("GET", "/console/assets/bespin.0.css").send().await.detail(404), "Not Found");
}
