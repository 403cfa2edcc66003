//! What the answers of this function look like.

use bespin_edge::shapes as common;
use bespin_web::describe::Shape;
use serde_json::json;

pub(crate) fn brief() -> Shape {
    Shape::object([("brief_id", Shape::id()), ("request_id", Shape::id()), ("content", brief_content())])
        .named("Brief")
}

pub(crate) fn brief_content() -> Shape {
    Shape::object([
        ("date", Shape::date()),
        ("window_days", Shape::integer().like(7)),
        ("top_n", Shape::integer().like(3)),
        ("summary", common::brief_summary()),
        ("highlights", Shape::list_of(common::highlight())),
        ("alerts", Shape::list_of(alert())),
    ])
    .named("BriefContent")
}

pub(crate) fn alert() -> Shape {
    Shape::object([
        ("kpi_id", Shape::id()),
        ("name", Shape::text().like("MRR")),
        ("severity", Shape::constant(json!("high"))),
        ("reason", Shape::constant(json!("delta_pct_below_threshold"))),
        ("delta_pct", Shape::number().like(-10.0)),
    ])
    .named("Alert")
}

pub(crate) fn daily_brief_run() -> Shape {
    Shape::object([
        ("date", Shape::date()),
        ("brief_id", Shape::id()),
        ("brief_created", Shape::boolean().about("Whether this run made the brief")),
        ("notifications_inserted", Shape::count()),
        ("notifications_ignored", Shape::count().about("Users who had the notification already")),
        ("notifications_suppressed_due_to_quota", Shape::count()),
        (
            "status",
            Shape::one_of(&["running", "done"])
                .about("Only where the rest was done after an answer, and when a run is asked for")
                .optional(),
        ),
        (
            "run_id",
            Shape::text().like("90e6bd0611d3a277e54405382c5cca158de948f9").about("The same").optional(),
        ),
    ])
    .named("DailyBriefRun")
}

pub(crate) fn brief_schedule() -> Shape {
    Shape::object([
        ("enabled", Shape::boolean().about("Whether the brief is made by itself")),
        (
            "hour",
            Shape::count().like(7).about(
                "The local hour at which it is due. An hour that clocks skip is due when they go \
                on, one that they show twice the first time",
            ),
        ),
        ("time_zone", Shape::text().like("UTC").about("A time zone of the IANA database")),
        ("window_days", Shape::integer().like(7)),
        ("top_n", Shape::integer().like(3)),
        (
            "next_due_at",
            Shape::instant()
                .or_null()
                .about("When the next brief is due; in the past where one is due and not made yet"),
        ),
        (
            "last",
            Shape::object([
                ("date", Shape::date()),
                ("at", Shape::instant()),
                ("status", Shape::one_of(&["made", "skipped"])),
                (
                    "run_id",
                    Shape::text()
                        .like("b79355a8db523a21d97f334f6f60ce0e496bab8c")
                        .or_null()
                        .about("The run of the job, for `GET /v1/jobs/daily-brief/{run_id}`"),
                ),
                ("reason", Shape::text().or_null().about("The stable code of what stood in the way")),
                ("message", Shape::text().or_null().about("The same as a sentence")),
            ])
            .or_null()
            .about("What became of the brief of the latest date that was dealt with"),
        ),
        ("set_by", Shape::id().or_null().about("Who set it last")),
        ("updated_at", Shape::instant().or_null().about("When")),
    ])
    .named("BriefSchedule")
}
