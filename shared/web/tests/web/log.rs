//! DESIGN 9: one line of log for each request.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use crate::small_gateway::{Answered, ask, gateway};

const TENANT_ID: &str = "0d3cf0a5-3f2b-4c0e-9a51-0d1f4a6b7c8d";

/// Keeps what is logged.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Asks as a tenant and gives the lines that were logged meanwhile.
async fn logged(path: &str, tenant_id: &str) -> (Answered, Vec<Value>) {
    let kept = Kept::default();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(kept.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let request =
        http::Request::get(path).header("X-Tenant-ID", tenant_id).header("X-API-Key", "k3J9-secret");
    let answer = ask(&gateway(), request.body(Body::empty()).unwrap()).await;
    drop(guard);
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("k3J9"), "no secret is logged: {text}");
    (answer, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[tokio::test]
async fn one_line_tells_who_asked_what_and_what_it_cost() {
    let (answer, lines) = logged("/v1/kpis/abc/latest?secret=k3J9", TENANT_ID).await;

    let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
    assert_eq!(line["message"], "answered");
    assert_eq!((&line["method"], &line["route"]), (&"GET".into(), &"/v1/kpis/{kpi_id}/latest".into()));
    assert_eq!((&line["status"], &line["tenant_id"]), (&200.into(), &TENANT_ID.into()));
    assert_eq!(line["request_id"], answer.header("x-request-id"));
    for measure in ["round_trips", "read_units", "write_units", "items_read", "cancelled"] {
        assert_eq!(line[measure].as_f64(), Some(0.0), "{measure}");
    }
}

#[tokio::test]
async fn a_claim_that_is_no_id_stays_out_of_the_log() {
    let (_, lines) = logged("/v1/nothing", "tenant\tpretending=\"x\"").await;

    assert_eq!(lines[0].get("tenant_id"), None);
    assert_eq!((&lines[0]["route"], &lines[0]["status"]), (&"none".into(), &404.into()));
}

#[tokio::test]
async fn what_the_answer_hides_the_log_tells_under_the_request_id() {
    for (path, level, inside) in [("/v1/panic", "ERROR", "reason"), ("/v1/throttled", "WARN", "causes")] {
        let (answer, lines) = logged(path, TENANT_ID).await;

        assert_eq!(lines.len(), 2, "{path}");
        assert_eq!(
            (&lines[0]["level"], &lines[0][inside]),
            (&level.into(), &"a secret of the inside".into())
        );
        assert_eq!(lines[0]["span"]["request_id"], answer.header("x-request-id"));
    }
}
