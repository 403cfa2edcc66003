//! What the answers of this function look like.

use bespin_edge::shapes as common;
use bespin_web::describe::Shape;
use serde_json::json;

pub(crate) fn tool_result() -> Shape {
    let echo = Shape::object([("echo", Shape::free_object().like(json!({"text": "hi"})))]);
    let kpi_summary = Shape::object([
        ("kpi_id", Shape::id()),
        ("latest", common::point()),
        ("start", common::point()),
        ("delta_abs", Shape::number()),
        ("delta_pct", Shape::number().or_null()),
    ]);
    let failed = Shape::object([("error", Shape::text().like("kpi_id is required"))]);
    let result = Shape::any_of([echo, kpi_summary, failed]).about("What the tool gave, by the tool");
    Shape::object([("request_id", Shape::id()), ("result", result)]).named("ToolResult")
}
