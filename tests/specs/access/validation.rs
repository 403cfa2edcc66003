//! How bodies and queries are read, and how their faults are named (gateway.md 1.2).
//!
//! Most of it is asked with a member's request: the schema is checked before the role, so 422 says that the body is
//! refused and 403 that it is accepted, and nothing changes.

use bespin_tests::{Actor, Request, World};
use serde_json::{Value, json};

async fn a_member(world: &World) -> Actor {
    world.tenant().await.member().await
}

fn brief(member: &Actor, body: &str) -> Request {
    member.post("/v1/briefs/materialize").key("k").body(body)
}

/// The faults of a body, none when it is accepted.
async fn faults(request: Request) -> Vec<String> {
    let reply = request.send().await;
    if reply.status == 403 { Vec::new() } else { reply.faults() }
}

#[tokio::test]
async fn integers_floats_and_strings_are_as_lax_as_the_contract_says_and_not_more() {
    let world = World::open().await;
    let member = a_member(&world).await;
    for (value, fault) in [
        ("7", None),
        ("7.0", None),
        ("70e-1", None),
        ("\"7\"", None),
        ("true", None),
        ("null", None),
        ("365", None),
        ("7.5", Some("int_from_float")),
        ("\"7.5\"", Some("int_parsing")),
        ("\"seven\"", Some("int_parsing")),
        ("\"\"", Some("int_parsing")),
        ("[7]", Some("int_type")),
        ("{}", Some("int_type")),
        ("0", Some("greater_than_equal")),
        ("false", Some("greater_than_equal")),
        ("-1e30", Some("greater_than_equal")),
        ("366", Some("less_than_equal")),
        ("99999999999999999999999", Some("less_than_equal")),
    ] {
        let expected: Vec<String> =
            fault.map(|fault| format!("{fault} body.window_days")).into_iter().collect();
        assert_eq!(
            faults(brief(&member, &format!("{{\"window_days\": {value}}}"))).await,
            expected,
            "{value}"
        );
    }
    for (value, fault) in [
        ("1", None),
        ("-0.5e3", None),
        ("\"1.5\"", None),
        ("\"1e3\"", None),
        ("true", None),
        ("null", Some("float_type")),
        ("[]", Some("float_type")),
        ("\"many\"", Some("float_parsing")),
        ("\"\"", Some("float_parsing")),
        ("NaN", Some("finite_number")),
        ("-Infinity", Some("finite_number")),
        ("1e400", Some("finite_number")),
        ("\"inf\"", Some("finite_number")),
        ("\"nan\"", Some("finite_number")),
    ] {
        let expected: Vec<String> =
            fault.map(|fault| format!("{fault} body.points.0.value")).into_iter().collect();
        let body = format!("{{\"points\": [{{\"ts\": \"2026-02-01\", \"value\": {value}}}]}}");
        assert_eq!(faults(member.post("/v1/kpis/k/points:bulk").body(body)).await, expected, "{value}");
    }
    for value in ["7", "true", "[]", "{}"] {
        let body = format!("{{\"name\": \"n\", \"unit\": {value}}}");
        assert_eq!(faults(member.post("/v1/kpis").body(body)).await, ["string_type body.unit"], "{value}");
    }
}

#[tokio::test]
async fn all_faults_come_together_in_the_order_of_the_fields_and_inside_lists_with_their_index() {
    let world = World::open().await;
    let member = a_member(&world).await;

    let body = r#"{"top_n": 0, "window_days": "x", "date": 7}"#;
    assert_eq!(
        faults(brief(&member, body)).await,
        ["string_type body.date", "int_parsing body.window_days", "greater_than_equal body.top_n"]
    );
    let points =
        r#"{"points": [{"ts": "2026-02-01", "value": 1}, {"value": "x"}, 3, {"ts": "", "value": 1}, null]}"#;
    assert_eq!(
        faults(member.post("/v1/kpis/k/points:bulk").body(points)).await,
        [
            "missing body.points.1.ts",
            "float_parsing body.points.1.value",
            "model_attributes_type body.points.2",
            "value_error body.points.3.ts",
            "model_attributes_type body.points.4",
        ]
    );
    for (points, fault) in [
        ("[]", "too_short body.points"),
        ("{}", "list_type body.points"),
        ("null", "list_type body.points"),
        ("\"2026\"", "list_type body.points"),
    ] {
        let body = format!("{{\"points\": {points}}}");
        assert_eq!(faults(member.post("/v1/kpis/k/points:bulk").body(body)).await, [fault]);
    }
    let point = r#"{"ts": "2026-02-01", "value": 1}"#;
    let too_many = format!("{{\"points\": [{}]}}", vec![point; 10_001].join(","));
    assert_eq!(faults(member.post("/v1/kpis/k/points:bulk").body(too_many)).await, ["too_long body.points"]);
}

#[tokio::test]
async fn a_fault_echoes_what_was_sent_and_names_the_bound_unless_the_value_is_large() {
    let world = World::open().await;
    let member = a_member(&world).await;

    let short = member.post("/v1/kpis").json(&json!({"name": ""})).send().await;
    let entry = &short.detail(422)[0];
    assert_eq!((&entry["input"], &entry["ctx"]), (&json!(""), &json!({"min_length": 1})));
    assert_eq!(entry["loc"], json!(["body", "name"]));

    let missing = member.post("/v1/kpis").json(&json!({"unit": "GBP"})).send().await;
    assert_eq!(missing.detail(422)[0]["input"], json!({"unit": "GBP"}), "the enclosing object");

    let large = member.post("/v1/kpis").json(&json!({"name": "n".repeat(2_000)})).send().await;
    let entry = large.detail(422)[0].clone();
    assert_eq!((&entry["input"], &entry["ctx"]), (&Value::Null, &json!({"max_length": 255})));
    assert!(large.text.len() < 2_000);

    let many = format!("{{\"points\": [{}]}}", vec!["{}"; 5_000].join(","));
    let many = member.post("/v1/kpis/k/points:bulk").body(many).send().await;
    assert!(many.faults().len() <= 100, "an answer stays small");
}

#[tokio::test]
async fn lengths_count_code_points_and_nothing_is_trimmed() {
    let world = World::open().await;
    let admin = world.tenant().await;

    for name in ["  ", "\u{0}", &"é".repeat(255), &"🦀".repeat(255), "e\u{301}"] {
        let kpi = admin.post("/v1/kpis").json(&json!({"name": name})).send().await.expect(201);
        assert_eq!(kpi["name"], name);
    }
    for (field, length, passes) in [
        ("name", 256, false),
        ("unit", 50, true),
        ("unit", 51, false),
        ("description", 4096, true),
        ("description", 4097, false),
    ] {
        let mut body = json!({"name": "n"});
        body[field] = json!("🦀".repeat(length));
        let reply = admin.post("/v1/kpis").json(&body).send().await;
        assert_eq!(reply.status, if passes { 201 } else { 422 }, "{field} of {length}");
    }
}

#[tokio::test]
async fn null_for_an_optional_field_is_as_if_it_were_left_out_and_unknown_members_are_ignored() {
    let world = World::open().await;
    let admin = world.tenant().await;

    let plain = admin.post("/v1/kpis").key("k").json(&json!({"name": "MRR"})).send().await;
    let spelled = json!({"description": null, "unit": null, "name": "MRR", "kpi_id": "mine", "": {"x": [1]}});
    let again = admin.post("/v1/kpis").key("k").json(&spelled).send().await;

    assert_eq!((plain.status, again.status), (201, 201));
    assert_eq!(again.text, plain.text, "one and the same request");
    assert_ne!(plain.json()["kpi_id"], "mine");
    let brief = json!({"date": null, "window_days": null, "top_n": null});
    let content = admin.post("/v1/briefs/materialize").key("k").json(&brief).send().await.expect(200);
    assert_eq!(
        (&content["content"]["date"], &content["content"]["window_days"], &content["content"]["top_n"]),
        (&json!("2026-02-10"), &json!(7), &json!(3))
    );
}

#[tokio::test]
async fn no_body_null_and_anything_but_an_object_are_told_apart() {
    let world = World::open().await;
    let member = a_member(&world).await;

    for path in
        ["/v1/users", "/v1/tools/invoke", "/v1/kpis", "/v1/kpis/k/points:bulk", "/v1/briefs/materialize"]
    {
        let post = |body: &str| member.post(path).key("k").body(body);
        for absent in ["", "null", " null\n"] {
            assert_eq!(faults(post(absent)).await, ["missing body"], "{path} {absent:?}");
        }
        for other in ["[]", "\"{}\"", "7", "true", "[{}]"] {
            assert_eq!(faults(post(other)).await, ["model_attributes_type body"], "{path} {other}");
        }
    }
}

#[tokio::test]
async fn text_that_is_no_json_is_told_at_its_character_before_anything_else() {
    let world = World::open().await;

    for (body, at) in [
        ("{", 1),
        ("{\"name\": \"ééé\" x}", 15),
        ("{\"🦀\": tru}", 6),
        ("{} {}", 3),
        (" ", 1),
        ("{'name': 1}", 1),
        ("{\"name\": 1,}", 11),
        ("{\"name\": 01}", 10),
        ("{\"name\": NaN}", 9),
        ("{\"name\": \"\\ud800\"}", 10),
        ("{\"name\": \"a\nb\"}", 11),
    ] {
        for path in ["/v1/tenants", "/v1/users", "/v1/tools/invoke", "/v1/kpis", "/v1/briefs/materialize"] {
            let reply = world.request("POST", path).body(body).send().await;
            assert_eq!(reply.faults(), [format!("json_invalid body.{at}")], "{body:?}: {}", reply.text);
        }
    }
    let deep = "[".repeat(100_000);
    assert_eq!(world.request("POST", "/v1/tenants").body(deep).send().await.status, 422);
    for bytes in [&b"{\"name\": \"\xe4\"}"[..], b"\xff\xfe{\x00}\x00", b"\xc0\x80", b"\xed\xa0\x80"] {
        let reply = world.request("POST", "/v1/tools/invoke").body(bytes).send().await;
        assert_eq!(reply.detail(400), "There was an error parsing the body");
    }
}

#[tokio::test]
async fn json_is_read_by_its_content_type_or_without_one_and_anything_else_is_a_text() {
    let world = World::open().await;
    let member = a_member(&world).await;
    let post = |content_type: &str| {
        member.post("/v1/kpis").header("content-type", content_type).body("{\"name\": \"MRR\"}")
    };

    for json in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        " application/json ",
        "application/vnd.api+json",
        "application/problem+json;x=y",
        "",
    ] {
        assert_eq!(faults(post(json)).await, [""; 0], "{json}");
    }
    assert_eq!(faults(post("x").without("content-type")).await, [""; 0]);
    for other in
        ["text/plain", "application/x-www-form-urlencoded", "text/json", "application/jsonp", "json", "ä"]
    {
        assert_eq!(faults(post(other)).await, ["model_attributes_type body"], "{other}");
        // Not parsed, so not invalid either; and no body stays no body.
        assert_eq!(faults(post(other).body("{")).await, ["model_attributes_type body"], "{other}");
        assert_eq!(faults(post(other).body("")).await, ["missing body"], "{other}");
    }
}

#[tokio::test]
async fn of_repeated_query_parameters_the_last_one_wins() {
    let world = World::open().await;
    let admin = world.tenant().await;
    for name in ["one", "two", "three"] {
        admin.kpi(name).await;
    }
    let listed = async |query: &str| -> usize {
        let kpis = admin.get(&format!("/v1/kpis?{query}")).send().await.expect(200);
        kpis.as_array().unwrap().len()
    };

    assert_eq!(listed("limit=1&limit=2").await, 2);
    assert_eq!(listed("limit=x&limit=1").await, 1);
    assert_eq!(listed("limit=1&other=2&limit=3&unknown").await, 3);
    assert_eq!(listed("limit=%32").await, 2, "decoded");
    assert_eq!(listed("limit=0").await, 1, "clamped");
    assert_eq!(listed("limit=-99999999999999999999&offset=-1").await, 1, "clamped");
    assert_eq!(listed("offset=99999999999999999999").await, 0, "beyond everything");
    let reply = admin.get("/v1/kpis?limit=1&limit=x").send().await;
    assert_eq!(reply.faults(), ["int_parsing query.limit"]);
    assert_eq!(reply.detail(422)[0]["input"], "x");
}

#[tokio::test]
async fn idempotency_keys_are_texts_of_1_to_255_characters() {
    let world = World::open().await;
    let admin = world.tenant().await;
    let call = |key: &[u8]| {
        admin.post("/v1/tools/invoke").header("idempotency-key", key).json(&json!({"tool_name": "echo"}))
    };

    for key in ["k", &"k".repeat(255), &"ü".repeat(255), "a b/c#d?e"] {
        call(key.as_bytes()).send().await.expect(200);
    }
    for (key, fault) in [(vec![b'k'; 256], "string_too_long"), (b"\xff".to_vec(), "string_type")] {
        assert_eq!(call(&key).send().await.faults(), [format!("{fault} header.Idempotency-Key")]);
    }
}
