//! A new brief, metered and audited, on its way into the table.

use bespin_access::TenantAccess;
use bespin_briefs::{Brief, BriefOrder, content};
use bespin_entitlements::Admission;
use bespin_primitives::{BriefId, RequestId, Timestamp};
use bespin_recording::Recording;
use bespin_table::{Slot, TableError};
use serde_json::json;

use crate::DailyBrief;

/// The action in the audit, and the tool that the ledger names.
const AUDITED: &str = "briefs.materialize";
const TOOL_NAME: &str = "daily_brief";

/// A brief that is worked out and not committed.
#[derive(Debug)]
pub struct NewBrief<'r> {
    /// Holds the brief, its ledger entry and the move of the counters. What must happen with the brief is added here.
    pub recording: Recording<'r>,
    /// Refused where there is a brief of the date.
    pub slot: Slot,
    /// Which brief.
    pub id: BriefId,
    /// The brief as its answer shows it.
    pub text: String,
}

impl DailyBrief {
    /// Works out the brief of a date.
    pub async fn draft<'r>(
        &self,
        access: &'r TenantAccess,
        admission: &'r Admission,
        order: &BriefOrder,
        request_id: RequestId,
        now: Timestamp,
    ) -> Result<NewBrief<'r>, TableError> {
        let movements = self.briefs.movements(access, &self.kpis, order).await?;
        let random = self.recorder.random();
        let brief = Brief { id: BriefId::random(random), request_id, content: content(order, movements) };
        let text = json!(brief).to_string();
        let mut recording =
            Recording::new(access, request_id, now).charge(admission, Some(TOOL_NAME), Some(AUDITED), random);
        let slot = self.briefs.put(&mut recording.transaction, access, &brief, text.clone()).await?;
        Ok(NewBrief { recording, slot, id: brief.id, text })
    }
}
