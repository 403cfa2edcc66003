//! gateway.md 17: the gateway about itself.

use serde_json::json;

use crate::small_gateway::get_path;

#[tokio::test]
async fn the_gateway_tells_its_name_and_its_health() {
    assert_eq!(
        get_path("/").await.json(),
        json!({"message": "Bespin Tool Invocation Gateway", "version": "0.1.0"})
    );
    assert_eq!(get_path("/healthz").await.json(), json!({"status": "ok"}));
}
