//! The playground's page.

use bespin_tests::World;

#[tokio::test]
async fn it_is_there_only_where_it_is_switched_on() {
    let world = World::open().await;
    let reply = world.request("GET", "/ui").send().await;
    assert_eq!(reply.detail(404), "Playground UI is disabled. Set PLAYGROUND_UI_ENABLED=1 to enable.");

    let world = World::with_console().await;
    let reply = world.request("GET", "/ui").send().await;
    assert_eq!(reply.status, 200);
    for shown in [
        "<title>Bespin Playground</title>",
        "Tenant ID",
        "API Key",
        "User ID",
        "Usage (Today)",
        "Billing / Credits",
        "Today's Brief",
        "Outbox",
    ] {
        assert!(reply.text.contains(shown), "{shown}");
    }
    assert!(reply.header("content-security-policy").unwrap().contains("script-src 'self'"));
}

#[tokio::test]
async fn it_links_the_console_without_its_key_and_only_where_there_is_one() {
    let world = World::with_console().await;
    let page = world.request("GET", "/ui").send().await.text;
    assert!(page.contains(r#"<a href="/console">Dev Console</a>"#) && !page.contains("key="), "{page}");

    let settings = bespin_local::LocalSettings { playground: true, ..World::settings() };
    let world = World::open_with(settings).await;
    assert!(!world.request("GET", "/ui").send().await.text.contains("Dev Console"));
}

#[tokio::test]
async fn its_page_has_no_script_no_style_and_no_handler_of_its_own() {
    let world = World::with_console().await;
    let page = world.request("GET", "/ui").send().await.text;

    for forbidden in ["<style", " style=", " onclick", " onload", "http://", "https://"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page.matches("<script").count(), 1);
    let script = page.split("<script src=\"").nth(1).unwrap().split('"').next().unwrap();
    let reply = world.request("GET", script).send().await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!reply.text.contains(forbidden), "{forbidden}");
    }
}
