//! The routes of this function, and what each of them promises.

use bespin_edge::Deps;
use bespin_edge::audience::{METERED, SUBSCRIBED, TENANT};
use bespin_web::describe::{Api, Operation};
use serde_json::json;

use crate::request::Request;
use crate::{job, materialize, read, schedule, shapes};

/// Tells all of them.
pub fn api(api: &mut impl Api<Deps>) {
    api.post(materialize::PATH, materialize::materialize, || {
        Operation::new("materializeBrief", "Compute the brief of a date, or give the one there is", &TENANT)
            .says(
                "Admins only; needs the capability `briefs`. One brief per tenant and date, \
                never changed: a later call gets the first brief, free of charge.",
            )
            .idempotent()
            .body(Request::parse)
            .body_like(json!({}))
            .answers(200, "The brief", shapes::brief())
            .refuses(&SUBSCRIBED)
            .refuses(&METERED)
    });
    api.post(job::PATH, job::run, || {
        Operation::new(
            "runDailyBrief",
            "Make the brief of a date if there is none, and notify the tenant's users",
            &TENANT,
        )
        .says(
            "Admins only; needs the capabilities `briefs` and `notifications`. Each user is \
                notified once for a date, whoever runs the job and however often; users who \
                opted out are left out. Where the quota for notifications runs out the others \
                are counted as suppressed, and a later run picks them up. Of a large tenant the \
                rest may be done after the answer: then `status` and `run_id` tell so.",
        )
        .idempotent()
        .body(Request::parse)
        .body_like(json!({}))
        .refuses(&[(503, "queue_unavailable")])
        .answers(200, "What the run did", shapes::daily_brief_run())
        .refuses(&SUBSCRIBED)
        .refuses(&METERED)
    });
    api.get("/v1/jobs/daily-brief/{run_id}", job::show, || {
        Operation::new("getDailyBriefRun", "How far a run is", &TENANT)
            .says("Admins only. A run is known for seven days.")
            .path(
                "run_id",
                "The `run_id` of the job's answer",
                Some("33328a1e5fbee0c9cce3b23bf0e21e92cf9b47ad"),
            )
            .answers(200, "The run as it is now", shapes::daily_brief_run())
            .refuses(&[(404, "run_not_found")])
    });
    api.get("/v1/briefs/schedule", schedule::show, || {
        Operation::new(
            "getBriefSchedule",
            "When the tenant's brief is made by itself, and what became of the last one",
            &TENANT,
        )
        .says("Any role. Of a tenant that never set any: off.")
        .answers(200, "The schedule", shapes::brief_schedule())
    });
    api.put("/v1/briefs/schedule", schedule::set, || {
        Operation::new("setBriefSchedule", "Set when the tenant's brief is made by itself", &TENANT)
            .says(
                "Admins only. The body replaces the whole schedule; a member left out goes back \
                to its default. Briefs are made in the name of whoever set it last, once for \
                each local day. One that is switched on begins with the next brief.",
            )
            .body(schedule::parse)
            .answers(200, "The schedule", shapes::brief_schedule())
    });
    api.get("/v1/briefs/latest", read::latest, || {
        Operation::new("getLatestBrief", "The brief of the latest date", &TENANT)
            .says("Any role.")
            .answers(200, "The brief", shapes::brief())
            .refuses(&[(404, "brief_not_found")])
    });
    api.get("/v1/briefs/{date}", read::of_date, || {
        Operation::new("getBrief", "The brief of a date", &TENANT)
            .says("Any role.")
            .path("date", "A date `YYYY-MM-DD`", Some("2026-02-10"))
            .answers(200, "The brief", shapes::brief())
            .refuses(&[(404, "brief_not_found")])
    });
}
