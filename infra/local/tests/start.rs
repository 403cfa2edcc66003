//! Starting and stopping the local cloud, as a person does it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod running;

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use bespin_aws::{Connection, Service};
use running::{Caller, LocalCloud, bespin_local, paste, refusal_of, taken_port};
use serde_json::{Value, json};
use tempfile::tempdir;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_call_in_the_banner_works_when_pasted_and_is_the_same_the_second_time() {
    let cloud = LocalCloud::start(&[("BESPIN_DATA", ":memory:")]);

    let (first, second) = (paste(cloud.banner()), paste(cloud.banner()));

    assert_eq!(json(&first)["result"], json!({"echo": {"text": "hi"}}), "{first}");
    assert_eq!(first, second);
}

#[test]
fn every_address_in_the_banner_answers() {
    let cloud = LocalCloud::start(&[("BESPIN_DATA", ":memory:")]);

    for name in ["product", "DynamoDB", "SQS"] {
        let port = cloud.told(name).rsplit(':').next().unwrap().to_owned();
        TcpStream::connect(format!("127.0.0.1:{port}")).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert_eq!(json(&cloud.demo_tenant().get("/openapi.json").1)["openapi"].as_str().unwrap()[..2], *"3.");
}

#[test]
fn the_links_of_the_banner_open_the_playground_and_the_console_and_a_restart_keeps_their_key() {
    let home = tempdir().unwrap();
    let settings = [("BESPIN_DATA", home.path().to_str().unwrap())];
    let path = |link: &str| link.splitn(4, '/').nth(3).unwrap().to_owned();
    let first = LocalCloud::start(&settings);
    let stranger = Caller::new(first.port(), Vec::new());
    let console = path(first.told("console"));

    assert_eq!(stranger.get(&format!("/{}", path(first.told("playground")))).0, 200);
    // It is led on to the clean address, and keeps no cookie, so it is asked for the key again.
    assert_eq!(stranger.get(&format!("/{console}")).0, 422);
    assert_eq!(stranger.get("/console?key=0123456789abcdef").0, 404);

    first.stop();
    let second = LocalCloud::start(&settings);
    assert_eq!(path(second.told("console")), console);
    second.stop();
    let own_key = [settings[0], ("DEV_CONSOLE_KEY", "a key of my own choice")];
    let third = LocalCloud::start(&own_key);
    assert_eq!(path(third.told("console")), "console", "a chosen key is not printed");
    let short = refusal_of(bespin_local(&[("BESPIN_DATA", ":memory:"), ("DEV_CONSOLE_KEY", "too short")]));
    assert_eq!(short, "bespin: DEV_CONSOLE_KEY must be at least 16 characters long, not 'one of 9'");
}

#[test]
fn a_port_in_use_is_told_in_one_sentence_that_names_the_setting() {
    let (_listener, port) = taken_port();

    for setting in ["PORT", "DYNAMODB_PORT", "SQS_PORT"] {
        let told = refusal_of(bespin_local(&[("BESPIN_DATA", ":memory:"), (setting, &port)]));

        let expected = format!(
            "bespin: port {port} is in use: stop what listens there, or choose another with {setting}=<port>"
        );
        assert_eq!(told, expected);
    }
}

#[test]
fn a_start_that_fails_leaves_no_folder_behind() {
    let home = tempdir().unwrap();
    let folder = home.path().join("data");
    let (_listener, port) = taken_port();

    refusal_of(bespin_local(&[("BESPIN_DATA", folder.to_str().unwrap()), ("PORT", &port)]));

    assert!(!folder.exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_told_in_one_sentence() {
    let home = tempdir().unwrap();
    fs::write(home.path().join("file"), "not a folder").unwrap();
    let folder = home.path().join("file").join("data");

    let told = refusal_of(bespin_local(&[("BESPIN_DATA", folder.to_str().unwrap())]));

    let expected = format!("bespin: cannot write to the data folder {}: ", folder.display());
    assert!(told.starts_with(&expected), "{told}");
    assert!(told.ends_with("choose another with BESPIN_DATA=<folder>, or :memory:"), "{told}");
}

#[test]
fn a_folder_that_another_local_cloud_uses_is_told_in_one_sentence_and_stays_unharmed() {
    let home = tempdir().unwrap();
    let folder = home.path().to_str().unwrap();
    let cloud = LocalCloud::start(&[("BESPIN_DATA", folder)]);

    let told = refusal_of(bespin_local(&[("BESPIN_DATA", folder)]));

    assert!(
        told.starts_with(&format!("bespin: another local cloud uses the data folder {folder}: ")),
        "{told}"
    );
    assert_eq!(json(&paste(cloud.banner()))["result"], json!({"echo": {"text": "hi"}}));
}

#[test]
fn senseless_settings_are_told_in_one_sentence() {
    let cases = [
        ("PORT", "high", "PORT must be a port from 0 to 65535, not 'high'"),
        ("PORT", "65536", "PORT must be a port from 0 to 65535, not '65536'"),
        ("DYNAMODB_PORT", "-1", "DYNAMODB_PORT must be a port from 0 to 65535, not '-1'"),
        ("SQS_PORT", "8000.5", "SQS_PORT must be a port from 0 to 65535, not '8000.5'"),
        ("TEST_CLOCK", "yes", "TEST_CLOCK must be 0 or 1, not 'yes'"),
        (
            "SIGNUP_LIMIT_PER_MINUTE",
            "many",
            "SIGNUP_LIMIT_PER_MINUTE must be a whole number, 0 for no limit, not 'many'",
        ),
    ];
    for (name, value, sentence) in cases {
        let told = refusal_of(bespin_local(&[("BESPIN_DATA", ":memory:"), (name, value)]));

        assert_eq!(told, format!("bespin: {sentence}"));
    }
}

#[test]
fn a_damaged_folder_is_told_in_one_sentence() {
    let garbage = "no database ".repeat(1_000);
    let damages = [
        ("demo-tenant.json", "{", "/demo-tenant.json is damaged: "),
        ("pepper", "short", "/pepper is damaged: the secret is too short"),
        ("dynamodb.sqlite", &garbage, "the embedded DynamoDB cannot be opened: "),
        ("sqs.sqlite", &garbage, "the embedded SQS cannot be opened: "),
    ];
    for (file, damage, sentence) in damages {
        let home = tempdir().unwrap();
        let folder = home.path().to_str().unwrap();
        LocalCloud::start(&[("BESPIN_DATA", folder)]).stop();
        fs::write(home.path().join(file), damage).unwrap();

        let told = refusal_of(bespin_local(&[("BESPIN_DATA", folder)]));

        assert!(told.contains(sentence), "{file}: {told}");
    }
}

#[test]
fn ctrl_c_and_a_polite_kill_stop_it_cleanly_and_at_once() {
    for signal in ["INT", "TERM"] {
        let home = tempdir().unwrap();
        let cloud = LocalCloud::start(&[("BESPIN_DATA", home.path().to_str().unwrap())]);
        // As browsers leave them: a connection that is kept alive, and one without a request.
        let caller = cloud.demo_tenant();
        assert_eq!(caller.get("/healthz").0, 200);
        let _spare = TcpStream::connect(format!("127.0.0.1:{}", cloud.port())).unwrap();

        cloud.signal(signal);
        let (status, told) = cloud.end_within(Duration::from_secs(2));

        assert_eq!(status.code(), Some(0), "{signal}: {told}");
        assert_eq!(told.lines().last(), Some("Bespin stopped."), "{signal}: {told}");
    }
}

#[test]
fn a_request_that_does_not_end_delays_a_stop_for_some_seconds_only() {
    let cloud = LocalCloud::start(&[("BESPIN_DATA", ":memory:")]);
    let mut half = TcpStream::connect(format!("127.0.0.1:{}", cloud.port())).unwrap();
    half.write_all(b"POST /v1/tenants HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{").unwrap();
    assert_eq!(cloud.demo_tenant().get("/healthz").0, 200);

    cloud.signal("INT");
    let (status, told) = cloud.end_within(Duration::from_secs(8));

    assert_eq!(status.code(), Some(0), "{told}");
}

#[test]
fn the_demo_tenant_and_what_it_did_are_there_after_a_restart() {
    let home = tempdir().unwrap();
    let settings = [("BESPIN_DATA", home.path().to_str().unwrap())];
    let before = LocalCloud::start(&settings);
    let credentials =
        |cloud: &LocalCloud| ["X-Tenant-ID", "X-User-ID", "X-API-Key"].map(|n| cloud.told(n).to_owned());
    let (tenant, answer) = (credentials(&before), paste(before.banner()));
    before.stop();

    let after = LocalCloud::start(&settings);

    assert_eq!(credentials(&after), tenant);
    assert_eq!(paste(after.banner()), answer);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_secrets_in_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempdir().unwrap();
    let _cloud = LocalCloud::start(&[("BESPIN_DATA", home.path().to_str().unwrap())]);

    for file in ["pepper", "demo-tenant.json"] {
        let mode = fs::metadata(home.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_request_says_what_time_it_is_only_where_the_test_clock_is_on() {
    let brief = |settings: &[(&str, &str)], now: &str| {
        let cloud = LocalCloud::start(settings);
        let caller = cloud.demo_tenant().with("X-Test-Now", now).with("Idempotency-Key", "k");
        let (status, answer) = caller.post("/v1/briefs/materialize", &json!({}));
        (status, json(&answer))
    };
    let memory = ("BESPIN_DATA", ":memory:");

    let (status, told) = brief(&[memory, ("TEST_CLOCK", "1")], "2020-02-29T12:00:00Z");
    assert_eq!((status, &told["content"]["date"]), (200, &json!("2020-02-29")), "{told}");

    for settings in [&[memory][..], &[memory, ("TEST_CLOCK", "0")], &[memory, ("TEST_CLOCK", "")]] {
        let (status, told) = brief(settings, "2020-02-29T12:00:00Z");
        assert_eq!(status, 200, "{told}");
        assert!(*told["content"]["date"].as_str().unwrap() > *"2026", "{told}");
    }

    let (status, told) = brief(&[memory, ("TEST_CLOCK", "1")], "yesterday");
    assert_eq!((status, &told["error"]), (400, &json!("invalid_test_clock")), "{told}");
}

#[tokio::test]
async fn the_table_and_the_queues_answer_other_tools() {
    let cloud = LocalCloud::start(&[("BESPIN_DATA", ":memory:")]);
    let connection = Connection::from_lookup(|name| match name {
        "AWS_ENDPOINT_URL_DYNAMODB" => Some(cloud.told("DynamoDB").to_owned()),
        "AWS_ENDPOINT_URL_SQS" => Some(cloud.told("SQS").to_owned()),
        _ => None,
    })
    .unwrap();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(connection.http_client())
        .region(Region::new(connection.region().to_owned()))
        .credentials_provider(connection.credentials())
        .endpoint_url(connection.endpoint(Service::DynamoDb).unwrap());
    let dynamodb = aws_sdk_dynamodb::Client::from_conf(config.build());
    let sqs = bespin_queue::sqs_client(&connection);

    let tables = dynamodb.list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), ["bespin"]);
    let items = dynamodb.scan().table_name("bespin").send().await.unwrap();
    assert!(items.count() > 3, "the demo tenant and the catalogue");

    let queue = sqs.create_queue().queue_name("mine").send().await.unwrap();
    let url = queue.queue_url().unwrap();
    sqs.send_message().queue_url(url).message_body("hello").send().await.unwrap();
    let received = sqs.receive_message().queue_url(url).wait_time_seconds(2).send().await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("hello"));
}

#[test]
fn the_table_may_be_in_another_store_which_must_be_there() {
    let memory = ("BESPIN_DATA", ":memory:");
    let store = LocalCloud::start(&[memory]);
    let elsewhere = ("BESPIN_DYNAMODB", store.told("DynamoDB"));

    let cloud = LocalCloud::start(&[memory, elsewhere, ("TABLE_NAME", "apart")]);
    let caller = cloud.demo_tenant().with("Idempotency-Key", "k");
    let (status, answer) = caller.post("/v1/tools/invoke", &json!({"tool_name": "echo"}));

    assert_eq!((cloud.told("DynamoDB"), status), ("another", 200), "{answer}");
    let nowhere = bespin_local(&[memory, ("BESPIN_DYNAMODB", "nowhere")]);
    assert!(refusal_of(nowhere).contains("BESPIN_DYNAMODB"), "the setting is named");
    let (listener, port) = taken_port();
    let silent = format!("http://127.0.0.1:{port}");
    drop(listener);
    assert_eq!(
        refusal_of(bespin_local(&[memory, ("BESPIN_DYNAMODB", &silent)])),
        "bespin: the table cannot be used: the store is not available, please repeat"
    );
}

#[test]
fn a_webhook_on_this_machine_hears_of_a_brief() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", receiver.local_addr().unwrap());
    let cloud = LocalCloud::start(&[("BESPIN_DATA", ":memory:")]);
    let caller = cloud.demo_tenant();
    let (status, told) = caller.put("/v1/notifications/webhook", &json!({"url": url}));
    assert_eq!(status, 201, "{told}");

    let job =
        caller.with("Idempotency-Key", "job").post("/v1/jobs/daily-brief", &json!({"date": "2026-01-31"}));
    assert_eq!(job.0, 200, "{}", job.1);
    // The dispatcher is waiting for messages, so this takes no time worth mentioning.
    let (mut stream, _) = receiver.accept().unwrap();
    let mut arrived = Vec::new();
    while !is_whole(&arrived) {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&arrived));
        arrived.extend_from_slice(&piece[..read]);
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();

    let arrived = String::from_utf8(arrived).unwrap();
    assert!(arrived.starts_with("POST /hooks HTTP/1.1\r\n") && arrived.contains("webhook-signature: v1,"));
    let (_, body) = arrived.split_once("\r\n\r\n").unwrap();
    assert_eq!(json(body)["data"]["notification"]["date"], "2026-01-31");
    cloud.stop();
}

/// Whether a request with a body has come to its end.
fn is_whole(arrived: &[u8]) -> bool {
    let arrived = String::from_utf8_lossy(arrived);
    let Some((head, body)) = arrived.split_once("\r\n\r\n") else { return false };
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    length.is_some_and(|length| body.len() >= length.parse().unwrap())
}
