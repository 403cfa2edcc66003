//! Whatever strangers and customers send, the answer is never our own fault: no bytes in body, path, query or
//! headers give a 5xx (gateway.md 1.1, 20).

use std::cell::Cell;

use bespin_entitlements::DailyLimits;
use bespin_tests::{Actor, Request, World};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::{
    control_routes::control,
    envelope::assert_error_envelope,
    routes::{ADMIN, OPEN, Objects, Route, all},
};

/// A tenant that can pay for whatever it is made to ask for.
struct Rich {
    world: World,
    admin: Actor,
    own: Objects,
}

impl Rich {
    async fn open() -> Self {
        let world = World::open().await;
        let admin = world.tenant().await;
        let own = Objects::of(&admin).await;
        world.set_plan(&admin, |plan| (plan.included_credits, plan.caps) = (1 << 40, [].into())).await;
        let limits = DailyLimits {
            tool_invocation: 1 << 40,
            daily_brief_generated: 1 << 40,
            ..DailyLimits::default()
        };
        world.set_daily_limits(&admin, limits).await;
        Self { world, admin, own }
    }

    fn request(&self, route: usize) -> Request {
        let routes: Vec<Route> = all().collect();
        let nth = route % (routes.len() + OPEN.len());
        if let Some(route) = routes.get(nth) {
            return route.by(&self.admin, &self.own);
        }
        let (method, path) = OPEN[nth - routes.len()];
        self.world.request(method, path)
    }
}

/// Sends it; the answer must not be a fault of ours, and an error must look like one. Whether it is a success.
async fn send(request: Request) -> bool {
    let reply = request.send().await;
    assert!(reply.status < 500, "{}: {}", reply.status, reply.text);
    if reply.status >= 400 {
        assert_error_envelope(&reply);
    }
    reply.status < 300
}

fn percent_encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"))
}

/// Bytes that HTTP lets through in a header.
fn header_value() -> impl Strategy<Value = Vec<u8>> {
    let visible = |byte: u8| if matches!(byte, b'\t' | 0x20..=0x7e | 0x80..) { byte } else { byte | 0x40 };
    let readable = |byte: u8| if byte == 0x7f { b' ' } else { byte };
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    bytes.prop_map(move |bytes| bytes.into_iter().map(visible).map(readable).collect())
}

/// Names that some body has, so that values of every kind come to stand where they do not belong.
fn member() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "name",
        "region",
        "admin_email",
        "tenant_id",
        "email",
        "role",
        "tool_name",
        "payload",
        "kpi_id",
        "window_days",
        "unit",
        "description",
        "points",
        "ts",
        "value",
        "date",
        "top_n",
        "daily_brief_enabled",
        "message",
        "conversation_id",
        "title",
        "delivery_method",
        "event_key",
        "credits_per_unit",
        "plan_id",
        "included_credits",
        "capabilities",
        "caps",
        "cap_raw_units",
        "period_start",
        "status",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

/// Values of every kind, the awkward ones more often.
fn leaf() -> impl Strategy<Value = String> {
    let awkward = prop::sample::select(vec![
        "null",
        "true",
        "0",
        "-0",
        "-1",
        "7.5",
        "1e308",
        "1e309",
        "-1e-400",
        "NaN",
        "Infinity",
        "9223372036854775808",
        "123456789012345678901234567890",
        "1E+99999999999999999999",
        "\"\"",
        "\"echo\"",
        "\"kpi_summary\"",
        "\"admin\"",
        "\"a@b.example\"",
        "\"@\"",
        "\"<\"",
        "\"0001-01-01\"",
        "\"9999-12-31\"",
        "\"2026-02-30\"",
        "\"9999-12-31T23:59:59.999999999-23:59\"",
        "\"0000-00-00T00:00:00Z\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\ud83e\\udd80\"",
    ]);
    prop_oneof![
        4 => awkward.prop_map(str::to_owned),
        1 => any::<f64>().prop_map(|number| json!(number).to_string()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        2 => any::<String>().prop_map(|text| json!(text).to_string()),
        1 => "x{300,5000}".prop_map(|text| json!(text).to_string()),
    ]
}

/// JSON that is close to what is asked for, now and then broken.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let value = leaf().prop_recursive(4, 40, 6, |inner| {
        let object = prop::collection::vec((member(), inner.clone()), 0..6).prop_map(|members| {
            let members: Vec<String> =
                members.into_iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
            format!("{{{}}}", members.join(","))
        });
        let array = prop::collection::vec(inner, 0..6)
            .prop_map(|items: Vec<String>| format!("[{}]", items.join(",")));
        prop_oneof![3 => object, 1 => array]
    });
    let json = value.prop_map(String::into_bytes);
    let broken =
        (json.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut json, at, byte)| {
            if !json.is_empty() {
                let at = at.index(json.len());
                json[at] = byte;
            }
            json
        });
    prop_oneof![6 => json, 2 => broken, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

/// `PROPTEST_CASES` asks for more than 256 of everything.
fn cases() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

fn with_a_tenant() -> (Runtime, Rich) {
    let runtime = Runtime::new().unwrap();
    let rich = runtime.block_on(Rich::open());
    (runtime, rich)
}

#[test]
fn no_body_is_our_own_fault() {
    let (runtime, rich) = with_a_tenant();

    proptest!(cases(), |(body in body(), nth in any::<u32>())| {
        // Every route gets every body: what one ignores another trips over.
        for route in all().filter(|route| route.method == "POST") {
            let request = route.by(&rich.admin, &rich.own).key(&format!("key number {nth}"));
            runtime.block_on(send(request.body(body.clone())));
        }
        runtime.block_on(send(rich.world.sign_up().body(body.clone())));
    });
}

/// One field at a time is replaced, so that the others let the request come far.
#[test]
fn no_single_field_is_our_own_fault() {
    let (runtime, rich) = with_a_tenant();
    let kpi_id = &rich.own.kpi_id;
    let good: Vec<(String, Value)> = vec![
        ("/v1/tenants".into(), json!({"name": "n", "region": "r", "admin_email": "a@example.com"})),
        (
            "/v1/users".into(),
            json!({"tenant_id": rich.own.tenant_id, "email": "a@example.com", "role": "member"}),
        ),
        (
            "/v1/tools/invoke".into(),
            json!({"tool_name": "kpi_summary", "payload": {"kpi_id": kpi_id, "window_days": 7}}),
        ),
        ("/v1/tools/invoke".into(), json!({"tool_name": "echo", "payload": {"value": 1}})),
        ("/v1/kpis".into(), json!({"name": "n", "unit": "u", "description": "d"})),
        (format!("/v1/kpis/{kpi_id}/points:bulk"), json!({"points": [{"ts": "2026-02-01", "value": 1}]})),
        ("/v1/briefs/materialize".into(), json!({"date": "2026-02-01", "window_days": 7, "top_n": 3})),
        ("/v1/jobs/daily-brief".into(), json!({"date": "2026-02-01", "window_days": 7, "top_n": 3})),
        ("/v1/conversations".into(), json!({"title": "t"})),
        ("/v1/cofounder/chat".into(), json!({"message": "m", "conversation_id": "", "date": "2026-02-01"})),
    ];

    let served = Cell::new(0);
    proptest!(cases(), |(which in 0..good.len(), field in any::<prop::sample::Index>(), value in leaf(), nth: u64)| {
        let (path, body) = &good[which];
        let body = replaced(body, field, &value);
        let request = rich.admin.post(path).key(&format!("the key number {nth}")).body(body);
        served.set(served.get() + u32::from(runtime.block_on(send(request))));
    });
    assert!(served.get() > 25, "only {} came through: nothing deep was tried", served.get());
}

/// The operator, too, may send anything, and nothing it sends poisons a list for good.
#[test]
fn nothing_the_operator_sends_is_our_own_fault() {
    let (runtime, rich) = with_a_tenant();
    let changes: Vec<(&str, String, Value)> =
        ADMIN.iter().filter_map(|route| route.change(&rich.own)).collect();
    let bytes = || prop::collection::vec(any::<u8>(), 0..60);

    let served = Cell::new(0);
    proptest!(cases(), |(which in 0..changes.len(), field in any::<prop::sample::Index>(), value in leaf(),
                         body in body(), segment in bytes())| {
        let (method, path, good) = &changes[which];
        let segment = percent_encoded(&segment);
        let mut requests = vec![rich.world.operator(method, path).body(body)];
        if good.as_object().is_some_and(|members| !members.is_empty()) {
            requests.push(rich.world.operator(method, path).body(replaced(good, field, &value)));
        }
        for (method, path) in [
            ("PUT", format!("/v1/admin/plans/{segment}")),
            ("PUT", format!("/v1/admin/metered-events/{segment}")),
            ("GET", format!("/v1/admin/tenants/{segment}")),
            ("GET", format!("/v1/admin/tenants?cursor={segment}&limit={segment}")),
            ("GET", format!("/v1/admin/audit?cursor={segment}")),
            ("GET", format!("/v1/admin/audit?period_start={segment}&tenant_id={segment}")),
        ] {
            requests.push(rich.world.operator(method, &path).body("{}"));
        }
        for request in requests {
            served.set(served.get() + u32::from(runtime.block_on(send(request))));
        }
    });
    for list in ["metered-events", "plans", "tenants", "audit"] {
        let request = rich.world.operator("GET", &format!("/v1/admin/{list}"));
        runtime.block_on(request.send()).expect(200);
    }
    assert!(served.get() > 25, "only {} came through: nothing deep was tried", served.get());
}

/// Whatever is sent to the control plane, and in whatever place of a path or a query.
#[test]
fn nothing_the_control_plane_is_sent_is_our_own_fault() {
    let (runtime, rich) = with_a_tenant();
    let routes: Vec<_> = control().collect();
    let bytes = || prop::collection::vec(any::<u8>(), 0..60);

    let served = Cell::new(0);
    proptest!(cases(), |(which in 0..routes.len(), field in any::<prop::sample::Index>(), value in leaf(),
                         body in body(), segment in bytes())| {
        let (method, path, route) = &routes[which];
        let segment = percent_encoded(&segment);
        let steps: Vec<_> =
            path.split('/').map(|step| if step.starts_with('{') { segment.as_str() } else { step }).collect();
        let path = steps.join("/");
        let mut requests = vec![rich.admin.request(method, &path).body(body)];
        for name in ["limit", "cursor", "project", "tenant", "from", "outcome", "user_id", "user_type", "days"] {
            requests.push(rich.admin.request(method, &format!("{path}?{name}={segment}")));
        }
        if let Some(good) = route.good_body() {
            requests.push(rich.admin.request(method, &path).body(replaced(&good, field, &value)));
        }
        for request in requests {
            served.set(served.get() + u32::from(runtime.block_on(send(request))));
        }
    });
    assert!(served.get() > 25, "only {} came through: nothing deep was tried", served.get());
}

/// The text of `body` with one of its innermost values replaced.
fn replaced(body: &Value, field: prop::sample::Index, by: &str) -> String {
    const MARK: &str = "<replaced>";
    let mut marked = body.clone();
    let members = innermost(&mut marked, field);
    let name = members.keys().nth(field.index(members.len())).unwrap().clone();
    members[&name] = json!(MARK);
    marked.to_string().replace(&json!(MARK).to_string(), by)
}

fn innermost(value: &mut Value, field: prop::sample::Index) -> &mut Map<String, Value> {
    let nested = ["payload", "points"].into_iter().find(|name| value.get(name).is_some());
    match nested {
        // Half of the time the outer object itself.
        Some("payload") if field.index(2) == 0 => value["payload"].as_object_mut().unwrap(),
        Some("points") if field.index(4) != 0 => value["points"][0].as_object_mut().unwrap(),
        _ => value.as_object_mut().unwrap(),
    }
}

#[test]
fn no_path_and_no_query_is_our_own_fault() {
    let (runtime, rich) = with_a_tenant();
    let bytes = || prop::collection::vec(any::<u8>(), 0..60);

    proptest!(cases(), |(segment in bytes(), query in bytes(), text in any::<String>())| {
        let (segment, query, text) = (percent_encoded(&segment), percent_encoded(&query), percent_encoded(text.as_bytes()));
        for (method, path) in [
            ("GET", format!("/v1/briefs/{segment}")),
            ("GET", format!("/v1/kpis/{segment}/latest")),
            ("POST", format!("/v1/kpis/{text}/points:bulk")),
            ("GET", format!("/{segment}")),
            ("GET", format!("/v1/kpis?limit={query}")),
            ("GET", format!("/v1/kpis?offset={text}&cursor={query}")),
            ("GET", format!("/v1/kpis?{query}={segment}")),
        ] {
            runtime.block_on(send(rich.admin.request(method, &path).body(r#"{"points": [{"ts": "2026-02-01", "value": 1}]}"#)));
        }
    });
}

#[test]
fn no_header_is_our_own_fault() {
    let (runtime, rich) = with_a_tenant();
    let name = prop::sample::select(vec![
        "x-tenant-id",
        "x-user-id",
        "x-api-key",
        "idempotency-key",
        "content-type",
        "content-length",
        "origin",
        "x-request-id",
        "x-test-now",
        "accept",
        "cookie",
        "authorization",
        "access-control-request-headers",
    ]);

    proptest!(cases(), |(route: usize, name in name, value in header_value())| {
        runtime.block_on(send(rich.request(route).header(name, value)));
    });
}
