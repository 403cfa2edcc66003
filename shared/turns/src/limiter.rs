//! The limiter: what single users do, counted and let in (control-plane.md 5).

use bespin_access::TenantScope;
use bespin_policies::Project;
use bespin_primitives::Timestamp;
use bespin_table::{CommitError, Query, TableError, Transaction, keys};

use crate::{
    Allowed, AtExpiry, Snapshot, Tally, Turns, Verdict,
    rows::{ATTEMPTS, put_mark, put_tally, tally_key, tally_of},
    tally::Ask,
};

/// Who is limited, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// A user of the tenant's own product.
    pub user_id: String,
    /// An application inside the project.
    pub bundle_id: String,
    /// One of the user's sessions, where they are counted apart.
    pub session_id: Option<String>,
}

/// What a lock is asked for with.
#[derive(Debug, Clone, Copy)]
pub struct LockOrder<'a> {
    /// Names the running turn.
    pub lock_id: &'a str,
    /// When the lock ends by itself.
    pub until: Timestamp,
}

impl Turns {
    /// What a subject did and is doing. One round trip.
    pub async fn tally(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Tally, TableError> {
        let row = self.table.get(tally_key(tenant.tenant_id(), project, subject)).await?;
        tally_of(row.as_ref(), now)
    }

    /// What a user did and is doing in all bundles and sessions of a project, summed up.
    pub async fn tally_of_user(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        user_id: &str,
        now: Timestamp,
    ) -> Result<Snapshot, TableError> {
        let (mut sum, mut after) = (Snapshot::default(), None);
        loop {
            let range = keys::tallies_of(tenant.tenant_id(), project.as_str(), user_id);
            let page = self.table.query(Query::of(range).after(after)).await?;
            for row in &page.items {
                sum = sum.and(&tally_of(Some(row), now)?.snapshot(now));
            }
            after = page.next;
            if after.is_none() {
                return Ok(sum);
            }
        }
    }

    /// Lets a turn in by its lock, or says why not (control-plane.md 5.1). One read; one write where it is let in.
    pub async fn admit(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        allowed: &Allowed,
        lock: LockOrder<'_>,
        now: Timestamp,
    ) -> Result<Verdict, TableError> {
        // Requests and tokens are counted when the turn is committed.
        let ask =
            Ask { id: lock.lock_id, requests: 0, tokens: 0, until: lock.until, at_expiry: AtExpiry::Free };
        let plan = |tally: &Tally| tally.admit(allowed, &ask, now);
        self.change_tally(tenant, project, subject, now, plan).await
    }

    /// Counts a request with its tokens, and lets go of its lock (control-plane.md 5.2). A `commit_id` counts once in 24
    /// hours. What is counted now, and whether it was before.
    pub async fn commit(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        tokens: u64,
        (lock_id, commit_id): (Option<&str>, Option<&str>),
        now: Timestamp,
    ) -> Result<(Snapshot, bool), TableError> {
        let tenant_id = tenant.tenant_id();
        let key = tally_key(tenant_id, project, subject);
        let session = subject.session_id.as_deref().unwrap_or_default();
        let mark = commit_id.map(|id| {
            let texts = ["turn", project.as_str(), &subject.bundle_id, &subject.user_id, session, id];
            keys::commit(tenant_id, &texts)
        });
        let mut row = self.table.get(key.clone()).await?;
        for _ in 0..ATTEMPTS {
            let tally = tally_of(row.as_ref(), now)?;
            let next = tally.clone().committed(tokens, lock_id, now);
            let mut transaction = Transaction::new();
            let slot = put_tally(&mut transaction, key.clone(), &next);
            let counted = mark.clone().map(|mark| put_mark(&mut transaction, mark, now));
            match self.table.commit(transaction).await {
                Ok(()) => return Ok((next.snapshot(now), false)),
                Err(CommitError::Refused(refusals)) => {
                    if counted.is_some_and(|counted| refusals.of(counted).is_some()) {
                        return Ok((tally.snapshot(now), true));
                    }
                    row = refusals.old(slot).cloned();
                }
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }

    /// Lets go of a lock and counts nothing; whether there was one (control-plane.md 5.3).
    pub async fn release(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        lock_id: &str,
        now: Timestamp,
    ) -> Result<bool, TableError> {
        let plan = |tally: &Tally| {
            let next = tally.released(lock_id);
            (next.is_some(), next)
        };
        self.change_tally(tenant, project, subject, now, plan).await
    }

    /// Gives a lock more time; whether there is one.
    pub async fn renew(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        lock: LockOrder<'_>,
        now: Timestamp,
    ) -> Result<bool, TableError> {
        let plan = |tally: &Tally| {
            let next = tally.renewed(lock.lock_id, lock.until);
            (next.is_some(), next)
        };
        self.change_tally(tenant, project, subject, now, plan).await
    }

    async fn change_tally<T>(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        subject: &Subject,
        now: Timestamp,
        plan: impl Fn(&Tally) -> (T, Option<Tally>),
    ) -> Result<T, TableError> {
        let key = tally_key(tenant.tenant_id(), project, subject);
        let mut row = self.table.get(key.clone()).await?;
        for _ in 0..ATTEMPTS {
            let (answer, next) = plan(&tally_of(row.as_ref(), now)?);
            let Some(next) = next else { return Ok(answer) };
            let mut transaction = Transaction::new();
            let slot = put_tally(&mut transaction, key.clone(), &next);
            match self.table.commit(transaction).await {
                Ok(()) => return Ok(answer),
                Err(CommitError::Refused(refusals)) => row = refusals.old(slot).cloned(),
                Err(CommitError::Table(error)) => return Err(error),
            }
        }
        Err(TableError::Contended)
    }
}

impl Snapshot {
    /// Both together.
    fn and(self, other: &Self) -> Self {
        let sum =
            |one: [u64; 3], other: [u64; 3]| [0, 1, 2].map(|place| one[place].saturating_add(other[place]));
        Self {
            requests: sum(self.requests, other.requests),
            tokens: sum(self.tokens, other.tokens),
            in_flight: self.in_flight.saturating_add(other.in_flight),
        }
    }
}
