//! The routes of this function, and what each of them promises.

use bespin_edge::Deps;
use bespin_edge::audience::{METERED, SUBSCRIBED, TENANT};
use bespin_table::keys::nowhere;
use bespin_web::describe::{Api, Operation, Shape};
use serde_json::json;

use crate::create::NewKpi;
use crate::{create, ingest, read, shapes};

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    api.get("/v1/kpis", read::list, || {
        Operation::new("listKpis", "List KPIs, newest definition first", &TENANT)
            .says("Any role; needs the capability `kpi_read`.")
            .query(|call| read::parse_listing(call, &nowhere()))
            .answers(200, "The KPIs", Shape::list_of(shapes::kpi()))
            .tells(
                "X-Next-Cursor",
                Shape::text().about("Where the next page starts, unless this is the last"),
            )
            .refuses(&SUBSCRIBED)
    });
    api.post("/v1/kpis", create::create, || {
        Operation::new("createKpi", "Define a KPI", &TENANT)
            .says("Admins only; needs the capability `kpi_ingest`. Names may repeat.")
            .idempotent_if_asked()
            .body(NewKpi::parse)
            .body_like(json!({"name": "MRR", "unit": "GBP"}))
            .answers(201, "The KPI", shapes::kpi())
            .refuses(&SUBSCRIBED)
            .refuses(&METERED)
    });
    api.post("/v1/kpis/{kpi_id}/points:bulk", ingest::ingest, || {
        Operation::new("ingestPoints", "Add points to a KPI, all or none", &TENANT)
            .says(
                "Admins only; needs the capability `kpi_ingest`. A point is identified by its \
                instant: the first value wins and later ones are ignored, so a retry is safe. \
                Only inserted points are metered.",
            )
            .path("kpi_id", "Id of the KPI", None)
            .body(ingest::parse)
            .body_like(json!({"points": [{"ts": "2026-01-31T00:00:00Z", "value": 1250.0}]}))
            .answers(
                200,
                "How many points were new",
                shapes::ingested_points().like(json!({"inserted": 1, "ignored": 0})),
            )
            .refuses(&SUBSCRIBED)
            .refuses(&METERED)
            .refuses(&[(404, "kpi_not_found")])
    });
    api.get("/v1/kpis/{kpi_id}/latest", read::latest, || {
        Operation::new("getLatestPoint", "The latest point of a KPI", &TENANT)
            .says("Any role; needs the capability `kpi_read`.")
            .path("kpi_id", "Id of the KPI", None)
            .answers(200, "The point", shapes::latest_point())
            .refuses(&SUBSCRIBED)
            .refuses(&[(404, "kpi_not_found"), (404, "no_data_points")])
    });
}
