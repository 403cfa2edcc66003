//! What the answers of this function look like.

use bespin_web::describe::Shape;

pub(crate) fn kpi() -> Shape {
    Shape::object([
        ("kpi_id", Shape::id()),
        ("name", Shape::text().like("MRR")),
        ("unit", Shape::text().like("GBP").or_null()),
        ("description", Shape::text().like("Monthly recurring revenue").or_null()),
    ])
    .named("Kpi")
}

pub(crate) fn ingested_points() -> Shape {
    Shape::object([("inserted", Shape::count()), ("ignored", Shape::count())]).named("IngestedPoints")
}

pub(crate) fn latest_point() -> Shape {
    Shape::object([
        ("kpi_id", Shape::id()),
        ("ts", Shape::text().like("2026-02-01T00:00:00Z")),
        ("value", Shape::number().like(1.0)),
    ])
    .named("LatestPoint")
}
