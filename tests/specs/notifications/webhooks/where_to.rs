//! Nothing but public addresses is called, whatever a name says.

use std::sync::Arc;

use bespin_webhooks::{Guard, Sender};
use rustls::RootCertStore;
use serde_json::json;

use super::{
    house::{House, Names, WEBHOOK, attempts},
    receiver::Receiver,
    signed::is_signed,
};

const DEPLOYED: Guard = Guard { allow_loopback: false };

#[tokio::test]
async fn a_url_that_leads_to_ourselves_is_refused_when_it_is_registered_by_the_name_of_its_field() {
    let house = House::with_names(Names::of(&[]), DEPLOYED).await;
    let admin = house.world.tenant().await;
    for url in [
        "https://10.0.0.1/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00::1]/",
        "https://[::ffff:192.168.0.1]/",
        "http://example.com/",
        "http://127.0.0.1/",
        "ftp://example.com/",
        "https://user@example.com/",
        "https://example.com/#here",
        "example.com",
        "",
        "https://",
    ] {
        let refused = house.register(&admin, url).await;
        assert_eq!(refused.faults(), ["value_error body.url"], "{url}");
    }
    let long = format!("https://example.com/{}", "a".repeat(2_048));
    let refused = house.register(&admin, &long).await;
    assert_eq!(refused.detail(422)[0]["msg"], "Value error, must have at most 2,048 characters");
    let nothing = house.send(admin.request("PUT", WEBHOOK).json(&json!({"enabled": "maybe"}))).await;
    assert_eq!(nothing.faults(), ["missing body.url", "bool_parsing body.enabled"]);
    house.send(admin.get(WEBHOOK)).await.detail(404);
}

#[tokio::test]
async fn a_name_of_which_any_address_is_not_public_is_not_called() {
    let names = Names::of(&[
        ("inside.example", &["10.0.0.7"]),
        ("metadata.example", &["169.254.169.254"]),
        ("ourselves.example", &["127.0.0.1"]),
        ("mixed.example", &["1.1.1.1", "192.168.0.1"]),
        ("six.example", &["::ffff:127.0.0.1"]),
    ]);
    let (house, receiver) = (House::with_names(names.clone(), DEPLOYED).await, Receiver::open().await);
    for name in ["inside", "metadata", "ourselves", "mixed", "six"] {
        let tenant = house.tenant(1, &format!("https://{name}.example:{}/", receiver.port)).await;
        house.send(tenant.admin.post(&format!("{WEBHOOK}/test"))).await.expect(202);
        house.settle().await;

        let delivery = house.only_delivery(&tenant.admin).await;
        assert_eq!(attempts(&delivery), vec![json!("address_refused")], "{name}");
    }
    assert_eq!((receiver.count(), names.asked.lock().unwrap().len()), (0, 5));
}

#[tokio::test]
async fn where_a_setting_allows_this_machine_it_allows_no_private_one() {
    let names = Names::of(&[("a.localhost", &["10.0.0.7"]), ("b.localhost", &["127.0.0.1", "1.1.1.1"])]);
    let house = House::with_names(names, Guard { allow_loopback: true }).await;
    // What is sent in clear goes to this machine only, so a name that leads elsewhere as well is refused.
    for url in ["http://a.localhost:1/", "https://a.localhost:1/", "http://b.localhost:1/"] {
        let tenant = house.tenant(1, url).await;
        house.send(tenant.admin.post(&format!("{WEBHOOK}/test"))).await.expect(202);
        house.settle().await;
        let delivery = house.only_delivery(&tenant.admin).await;
        assert_eq!(attempts(&delivery), vec![json!("address_refused")], "{url}");
    }
}

#[tokio::test]
async fn over_tls_the_host_must_prove_that_it_is_the_one_of_the_url() {
    let names = Names::of(&[("hooks.localhost", &["127.0.0.1"]), ("other.localhost", &["127.0.0.1"])]);
    let guard = Guard { allow_loopback: true };
    let mut house = House::with_names(Arc::clone(&names), guard).await;
    let (receiver, asked) = Receiver::open_secure().await;
    let mut outcomes = Vec::new();
    for (host, trusted) in [("hooks", false), ("other", true), ("hooks", true)] {
        let mut roots = RootCertStore::empty();
        if trusted {
            let authority = include_bytes!("../../../data/webhooks/authority.der");
            roots.add(authority.to_vec().into()).unwrap();
        }
        let sender = Sender::new(Arc::clone(&names) as _, guard).trusting(roots);
        house.deps = house.deps.with(|parts| parts.webhooks = parts.webhooks.clone().with_sender(sender));
        let tenant = house.tenant(1, &format!("https://{host}.localhost:{}/hooks", receiver.port)).await;
        house.send(tenant.admin.post(&format!("{WEBHOOK}/test"))).await.expect(202);
        house.settle().await;
        outcomes.extend(attempts(&house.only_delivery(&tenant.admin).await));
        if let [received] = receiver.received().as_slice() {
            assert!(is_signed(&tenant.secret, received, house.now().epoch_seconds()));
            assert_eq!(received.header("host"), format!("hooks.localhost:{}", receiver.port));
        }
    }
    assert_eq!(outcomes, [json!("not_secure"), json!("not_secure"), json!(200)]);
    assert_eq!(receiver.count(), 1);
    assert_eq!(*asked.lock().unwrap(), ["hooks.localhost"]);
}
