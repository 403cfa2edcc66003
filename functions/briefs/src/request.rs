//! What the body of a brief's request asks for; the job's is the same (gateway.md 7.1, 9).

use bespin_briefs::BriefOrder;
use bespin_primitives::{Date, Timestamp};
use bespin_recording::Fingerprint;
use bespin_web::{Body, Problem, Read, date, integer};
use serde_json::json;

/// A validated body.
pub(crate) struct Request {
    date: Option<Date>,
    window_days: u32,
    top_n: u32,
}

impl Request {
    pub(crate) fn parse(body: &Body) -> Result<Self, Problem> {
        let mut fields = body.fields()?;
        let date = fields.optional("date", date().about("Today (UTC) where nothing is said"));
        let window_days = fields.or("window_days", 7, integer(1..=365));
        let top_n = fields.or("top_n", 3, integer(1..=100));
        fields.finish(|| {
            let (window_days, top_n) = (u32::try_from(window_days?).ok()?, u32::try_from(top_n?).ok()?);
            Some(Self { date: date?, window_days, top_n })
        })
    }

    /// Of the request as sent: a retry after midnight without a date is the same request.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let date = self.date.map(|date| date.to_string());
        Fingerprint::of(&json!({"date": date, "window_days": self.window_days, "top_n": self.top_n}))
    }

    pub(crate) fn order(&self, now: Timestamp) -> BriefOrder {
        let date = self.date.unwrap_or_else(|| now.date());
        BriefOrder { date, window_days: self.window_days, top_n: self.top_n }
    }
}
