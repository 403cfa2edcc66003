//! Grants under a client's own key.

use bespin_access::TenantScope;
use bespin_audit::Author;
use bespin_policies::Project;
use bespin_primitives::{RequestId, Timestamp};
use bespin_recording::{Claim, Earlier};
use bespin_table::{Item, Key, Slot, TableError, Transaction};

use crate::{Grant, GrantError, GrantOrder, Grants, Issued, Once};

/// A client's key, and the answer that is kept under it.
struct UnderKey<'a> {
    claim: &'a Claim,
    answer: &'a (dyn Fn(&Grant) -> String + Sync),
    request_id: RequestId,
    now: Timestamp,
}

impl Once for UnderKey<'_> {
    fn row(&self) -> Key {
        self.claim.row()
    }

    fn stands(&self, row: &Item, now: Timestamp) -> bool {
        !row.is_expired_at(now)
    }

    fn mark(&self, transaction: &mut Transaction, grant: &Grant) -> Slot {
        self.claim.keep(transaction, self.request_id, (self.answer)(grant), self.now)
    }
}

impl Grants {
    /// Grants what is ordered, and gives the answer that shows it. Under a client's key it is granted once, and a repeat
    /// is given the first answer.
    pub async fn issue_under(
        &self,
        claim: Option<&Claim>,
        author: &Author<'_>,
        tenant: &impl TenantScope,
        project: &Project,
        order: &GrantOrder,
        answer: &(dyn Fn(&Grant) -> String + Sync),
    ) -> Result<String, GrantError> {
        let once =
            claim.map(|claim| UnderKey { claim, answer, request_id: author.request_id, now: author.now });
        let guard = once.as_ref().map(|once| once as &dyn Once);
        let record = match self.issue(author, tenant, project, order, guard).await? {
            Issued::Now(grant) => return Ok(answer(&grant)),
            Issued::Before(record) => record,
        };
        match claim.map(|claim| claim.earlier(Some(&record), author.now)).transpose()?.flatten() {
            Some(Earlier::Answered(text)) => Ok(self.table.whole_text(tenant.tenant_id(), text).await?),
            Some(Earlier::OtherBody(conflict)) => Err(conflict.into()),
            // `issue` says so only of a record that stands.
            None => Err(TableError::Contended.into()),
        }
    }
}
