//! `make demo`, as a person runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod running;

use running::{Caller, LocalCloud, bespin_demo, end_of, paste, refusal_of, taken_port, text};
use serde_json::Value;
use tempfile::tempdir;

#[track_caller]
fn printed_by(settings: &[(&str, &str)]) -> String {
    let output = end_of(bespin_demo(settings));
    let (told, shown) = (text(output.stderr), text(output.stdout));
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(told, "", "no terminal, no progress bar");
    shown
}

/// The KPIs in the table of alerts of a brief.
fn alerts<'a>(printed: &'a str, date: &str) -> Vec<&'a str> {
    let brief = printed.split("Daily brief of ").find(|brief| brief.starts_with(date)).unwrap();
    let (_, alerts) = brief.split_once("Alerts").unwrap();
    let rows = alerts.lines().filter_map(|line| line.strip_prefix('│'));
    rows.map(|row| row.split('┆').next().unwrap().trim()).filter(|name| *name != "KPI").collect()
}

#[track_caller]
fn assert_tells_of_the_recession(printed: &str) {
    let fallen = ["construction", "durable_goods", "goods_producing", "mining_and_logging", "nonfarm_change"];
    assert!(printed.contains("Ingested 8,604 points into 27 KPIs."), "{printed}");
    assert_eq!(alerts(printed, "2010-01-31"), fallen, "{printed}");
    assert_eq!(alerts(printed, "2015-12-31"), ["mining_and_logging", "temp_min"], "{printed}");
}

#[test]
fn without_a_running_cloud_the_demo_brings_its_own() {
    let printed = printed_by(&[("BESPIN_DATA", ":memory:")]);

    assert!(printed.starts_with("Started Bespin on "), "{printed}");
    assert_tells_of_the_recession(&printed);
    assert!(printed.ends_with("start the cloud with `make run` first.\n"), "{printed}");
}

#[test]
fn a_running_cloud_is_found_and_goes_on_with_the_tenant_of_the_demo() {
    let cloud = LocalCloud::start(&[("BESPIN_DATA", ":memory:")]);

    let printed = printed_by(&[("PORT", cloud.port()), ("BESPIN_DATA", "/nowhere/to/be/made")]);

    assert!(printed.starts_with("Found Bespin on "), "{printed}");
    assert_tells_of_the_recession(&printed);
    let brief: Value = serde_json::from_str(&paste(&printed)).unwrap();
    assert_eq!(brief["content"]["date"], "2010-01-31");
}

#[test]
fn what_the_demo_made_in_a_folder_is_there_for_the_next_start() {
    let home = tempdir().unwrap();
    let settings = [("BESPIN_DATA", home.path().to_str().unwrap())];
    let printed = printed_by(&settings);

    let cloud = LocalCloud::start(&settings);

    let headers = ["X-Tenant-ID", "X-User-ID", "X-API-Key"].map(|name| {
        let row = printed.lines().find(|line| line.trim().starts_with(name)).unwrap();
        (name.to_owned(), row.split_whitespace().last().unwrap().to_owned())
    });
    let (status, brief) = Caller::new(cloud.port(), headers.into()).get("/v1/briefs/latest");
    assert_eq!(status, 200, "{brief}");
    assert!(brief.contains("2015-12-31"), "{brief}");
}

#[test]
fn a_failure_is_one_sentence() {
    let (_listener, port) = taken_port();
    let told = refusal_of(bespin_demo(&[("BESPIN_DATA", ":memory:"), ("DYNAMODB_PORT", &port)]));
    assert!(told.starts_with(&format!("bespin-demo: port {port} is in use: ")), "{told}");

    let cloud = LocalCloud::start(&[("BESPIN_DATA", ":memory:"), ("SIGNUP_LIMIT_PER_MINUTE", "1")]);
    let sign_up = serde_json::json!({"name": "a", "region": "b", "admin_email": "a@example.com"});
    let stranger = Caller::new(cloud.port(), Vec::new());
    // The second one in a minute is refused; a third, should a new minute have begun just now.
    for _ in 0..2 {
        stranger.post("/v1/tenants", &sign_up);
    }
    let told = refusal_of(bespin_demo(&[("PORT", cloud.port())]));
    assert_eq!(
        told,
        "bespin-demo: the sign-up was refused with status 429: Too many requests; try again later"
    );
}
