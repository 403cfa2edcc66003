//! `POST /v1/kpis/{kpi_id}/points:bulk`: insert-or-ignore of many points, all or nothing (gateway.md 6.2).

mod plain;

use std::time::Duration;

use axum::extract::State;
use bespin_access::{Action, TenantAccess};
use bespin_edge::Deps;
use bespin_entitlements::{Capability, Standing, admit};
use bespin_kpi::{Batch, KpiError, Point, PointTime, SeriesHead, Written};
use bespin_metering::MeteredEvent;
use bespin_primitives::KpiId;
use bespin_recording::{RecordError, Recording};
use bespin_table::TableError;
use bespin_web::describe::Shape;
use bespin_web::{Answer, Body, Call, Problem, Read, float, list, parsed};
use serde_json::json;

/// How many points one call takes.
const MAX_POINTS: usize = 10_000;

/// How often an ingest is planned anew because another one into the same KPI was faster. With waits of up to 50 ms
/// in between, this serves some hundred callers of one KPI at once.
const ATTEMPTS: u32 = 60;
const LONGEST_WAIT_MICROS: u64 = 50_000;

/// The points of a call, or the body that has to be read for them.
pub enum Sent {
    /// Points in their plain form, which are good.
    Points(Batch),
    /// Whatever else.
    Body(Body),
}

impl Sent {
    /// What a call sends: step 1 of the order of checks, as [`Call::json_with_non_finite`] has it.
    pub fn read(call: &Call) -> Result<Self, Problem> {
        match call.json_text().and_then(plain::points) {
            Some(batch) => Ok(Self::Points(batch)),
            None => call.json_with_non_finite().map(Self::Body),
        }
    }

    /// The points, or every fault of the body.
    pub fn points(self) -> Result<Batch, Problem> {
        match self {
            Self::Points(batch) => Ok(batch),
            Self::Body(body) => parse(&body),
        }
    }
}

/// The points that a body holds.
pub fn parse(body: &Body) -> Result<Batch, Problem> {
    let mut fields = body.fields()?;
    let points = fields.required(
        "points",
        list(1..=MAX_POINTS, |item| {
            let ts = parsed(PointTime::parse).shaped(Shape::instant).about(
                "Date or date-time of ISO 8601; without a zone it is UTC, a date alone is its midnight",
            );
            let ts = item.required("ts", ts);
            let value = item.required("value", float());
            // The value was checked, so a point comes of them.
            Point::new(ts?, value?)
        }),
    );
    fields.finish(|| points.map(Batch::of))
}

pub(crate) async fn ingest(State(deps): State<Deps>, call: Call) -> Result<Answer, Problem> {
    let sent = Sent::read(&call)?;
    let caller = deps.identify(&call).await?;
    let batch = sent.points()?;
    let access = caller.authorise(Action::IngestPoints)?;
    let catalogue = deps.entitlements.catalogue().await?;
    let standing = Standing::entitled(&access, &catalogue, Capability::KpiIngest, call.now)?;
    let kpi_id = call.path("kpi_id");
    let kpi = KpiId::parse(kpi_id).ok_or_else(|| KpiError::NotFound { kpi_id: kpi_id.to_owned() })?;

    for _ in 0..ATTEMPTS {
        if let Some(counts) = attempt(&deps, &call, &access, &standing, kpi, &batch).await? {
            return Ok(Answer::ok(&json!({"inserted": counts.inserted, "ignored": counts.ignored})));
        }
        tokio::time::sleep(Duration::from_micros(deps.random.below(LONGEST_WAIT_MICROS))).await;
    }
    Err(TableError::Contended.into())
}

struct Counts {
    inserted: u64,
    ignored: u64,
}

/// Looks, plans and records once: three round trips. `None` when another ingest into the KPI came in between, so
/// that the plan, and with it the number of new points, no longer holds.
async fn attempt(
    deps: &Deps,
    call: &Call,
    access: &TenantAccess,
    standing: &Standing<'_>,
    kpi: KpiId,
    batch: &Batch,
) -> Result<Option<Counts>, Problem> {
    let rows = deps.kpis.rows(access, kpi);
    let looked = deps.recorder.look(access, None, call.now, rows).await?;
    let Some((_, head)) = deps.kpis.read(looked.rows.each_ref().map(Option::as_ref))? else {
        return Err(KpiError::NotFound { kpi_id: kpi.to_string() }.into());
    };
    if head.as_ref().is_some_and(SeriesHead::is_pending) {
        deps.kpis.roll_forward(access, kpi).await?;
        return Ok(None);
    }
    let plan = deps.kpis.plan_ingest(access, kpi, head.as_ref(), batch).await?;
    let counts = Counts { inserted: plan.inserted(), ignored: plan.ignored() };
    if counts.inserted == 0 {
        return Ok(Some(counts));
    }
    let admission = standing.admission(MeteredEvent::KpiPointsIngested, counts.inserted)?;
    admit(&admission, &looked.usage)?;

    let mut recording = Recording::new(access, call.request_id, call.now).charge(
        &admission,
        None,
        None,
        deps.recorder.random(),
    );
    let written = deps.kpis.write(&mut recording.transaction, access, kpi, head.as_ref(), batch, plan);
    match deps.recorder.commit(recording).await {
        Ok(_) => {}
        Err(RecordError::ChangeRefused(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    // The points are promised and charged: should this fail, whoever comes next finishes it.
    if written == Written::Journaled
        && let Err(error) = deps.kpis.roll_forward(access, kpi).await
    {
        tracing::warn!(%error, %kpi, "a wide ingest is left for the next reader to finish");
    }
    Ok(Some(counts))
}
