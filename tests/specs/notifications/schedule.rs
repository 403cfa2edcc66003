//! `GET` and `PUT /v1/briefs/schedule`: when a tenant's brief is made by itself.

use bespin_audit::AuditScope;
use bespin_primitives::{BillingPeriod, parse_date};
use bespin_tests::World;
use serde_json::{Value, json};

use crate::words::{SCHEDULE, set_schedule};

#[tokio::test]
async fn a_tenant_that_never_asked_has_no_brief_made_by_itself() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let shown = admin.member().await.get(SCHEDULE).send().await.expect(200);

    assert_eq!(
        shown,
        json!({
            "enabled": false, "hour": 7, "time_zone": "UTC", "window_days": 7, "top_n": 3, "next_due_at": null,
            "last": null, "set_by": null, "updated_at": null,
        })
    );
}

#[tokio::test]
async fn a_schedule_is_shown_as_it_was_set_with_the_next_instant_at_which_it_is_due() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let body = json!({
        "enabled": true, "hour": 18, "time_zone": "America/New_York", "window_days": 30, "top_n": 5,
    });

    let set = set_schedule(&admin, &body).await;

    let shown = admin.get(SCHEDULE).send().await.expect(200);
    assert_eq!(set, shown);
    for (member, value) in body.as_object().unwrap() {
        assert_eq!(&shown[member], value, "{member}");
    }
    assert_eq!(shown["next_due_at"], "2026-02-10T23:00:00.000000Z");
    assert_eq!(shown["set_by"], admin.user_id.as_str());
    let later = admin.get(SCHEDULE).at("2026-02-11T00:00:00Z").send().await.expect(200);
    assert_eq!(later["next_due_at"], "2026-02-10T23:00:00.000000Z", "due and not made yet");
}

#[tokio::test]
async fn the_body_replaces_the_whole_schedule() {
    let world = World::open().await;
    let admin = world.tenant().await;
    set_schedule(&admin, &json!({"enabled": true, "hour": 18, "time_zone": "Asia/Tokyo", "top_n": 5})).await;

    let replaced = set_schedule(&admin, &json!({"enabled": false})).await;

    assert_eq!(
        (&replaced["hour"], &replaced["time_zone"], &replaced["top_n"], &replaced["next_due_at"]),
        (&json!(7), &json!("UTC"), &json!(3), &Value::Null)
    );
}

#[tokio::test]
async fn every_bad_member_is_named() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let body = json!({"hour": 24, "time_zone": "Berlin", "window_days": 0, "top_n": "many"});

    let refused = admin.request("PUT", SCHEDULE).json(&body).send().await;

    assert_eq!(
        refused.faults(),
        [
            "missing body.enabled",
            "less_than_equal body.hour",
            "value_error body.time_zone",
            "greater_than_equal body.window_days",
            "int_parsing body.top_n",
        ]
    );
    let zone = &refused.json()["detail"][2];
    assert_eq!(
        zone["msg"],
        "Value error, not a time zone of the IANA database, such as Europe/Berlin or UTC"
    );
    assert_eq!(admin.get(SCHEDULE).send().await.json()["updated_at"], Value::Null, "nothing was stored");
}

#[tokio::test]
async fn a_change_leaves_an_audit_entry_with_the_schedule_before_and_after() {
    let world = World::open().await;
    let admin = world.tenant().await;
    set_schedule(&admin, &json!({"enabled": true, "hour": 6})).await;
    set_schedule(&admin, &json!({"enabled": true, "hour": 8})).await;

    let scope = AuditScope::of_tenant(&admin.access().await);
    let period = BillingPeriod::containing(parse_date("2026-02-01").unwrap());
    let (entries, _) = world.deps().audit.entries(&scope, period, 10, None).await.unwrap();

    let hours: Vec<_> = entries.iter().map(|entry| (&entry.before["hour"], &entry.after["hour"])).collect();
    assert!(entries.iter().all(|entry| entry.action == "brief_schedule.set"), "{entries:?}");
    assert_eq!(hours.len(), 2);
    assert!(
        hours.contains(&(&Value::Null, &json!(6))) && hours.contains(&(&json!(6), &json!(8))),
        "{hours:?}"
    );
}
