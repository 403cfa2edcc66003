//! What administrators see of grants.

use std::collections::HashMap;

use bespin_access::TenantScope;
use bespin_policies::{Dimension, Project, Quotas};
use bespin_primitives::{BillingPeriod, Timestamp};
use bespin_table::{Cursor, Item, Key, Query, Range, Row, TableError, keys};

use crate::{Grant, Grants, Revenue, grant::covers, live::LiveGrants};

/// How many grants one page looks at to find those that are asked for.
const MAX_EXAMINED: usize = 5_000;

/// How many are asked of the store at a time when most of them may not be wanted.
const STORE_PAGE: usize = 500;

/// Which grants of a project, and which page of them, newest first. Those that were taken back are in no list.
#[derive(Debug, Clone, Default)]
pub struct GrantListing {
    /// Only those of one user.
    pub user_id: Option<String>,
    /// Only those of exactly this scope.
    pub bundle_id: Option<String>,
    /// Those whose time is over, too.
    pub include_expired: bool,
    /// At most so many, at least 1.
    pub limit: usize,
    /// Continues behind the page that gave this cursor.
    pub after: Option<Cursor>,
}

impl GrantListing {
    /// The rows it is about, for reading a cursor.
    pub fn range(tenant: &impl TenantScope, project: &Project, user_id: Option<&str>) -> Range {
        match user_id {
            Some(user_id) => keys::grants_of_user(tenant.tenant_id(), project.as_str(), user_id),
            None => keys::grants(tenant.tenant_id(), project.as_str()),
        }
    }
}

/// Which ends a list in order of the ends is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Those that are still to come, and grants without one last.
    ToCome,
    /// Those that come before this instant.
    Before(Timestamp),
    /// Those that were, latest first.
    Past,
}

impl Ends {
    /// The rows it is about at `now`.
    fn range(self, tenant: &impl TenantScope, project: &Project, now: Timestamp) -> Range {
        let (tenant_id, project) = (tenant.tenant_id(), project.as_str());
        match self {
            Self::ToCome => keys::grant_ends_after(tenant_id, project, now),
            Self::Before(end) => keys::grant_ends_between(tenant_id, project, now, end),
            Self::Past => keys::grant_ends_until(tenant_id, project, now),
        }
    }
}

/// What a user is granted, for display: grants of all scopes together, which no request gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserTotals {
    /// Which user.
    pub user_id: String,
    /// How many grants hold.
    pub grants: usize,
    /// The sum of what they add.
    pub additions: Quotas,
    /// The first end of any of them.
    pub earliest_expiry: Option<Timestamp>,
    /// When the latest of them was made.
    pub latest: Timestamp,
}

/// A page, and where the next one starts.
type Page<T> = (Vec<T>, Option<Cursor>);

impl Grants {
    /// A page of grants, newest first, and where the next page starts. The grants of a user that hold cost two round
    /// trips, whatever the history. Other pages look at no more than five thousand grants, so they may hold fewer than
    /// asked for, even none, and still lead on.
    pub async fn list(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        listing: &GrantListing,
        now: Timestamp,
    ) -> Result<Page<Grant>, TableError> {
        let wanted = |grant: &Grant| {
            grant.active
                && (listing.include_expired || grant.is_valid_at(now))
                && listing.bundle_id.as_ref().is_none_or(|scope| *scope == grant.bundle_id)
        };
        match &listing.user_id {
            Some(user_id) if !listing.include_expired => {
                let valid = self.valid_of(tenant, project, user_id, now).await?;
                let place = |grant: &Grant| {
                    keys::grant_of_user(
                        tenant.tenant_id(),
                        project.as_str(),
                        user_id,
                        grant.created_at,
                        grant.id,
                    )
                };
                let behind = |grant: &Grant| {
                    listing.after.as_ref().is_none_or(|after| place(grant).sk.as_str() < after.sk())
                };
                let mut page: Vec<Grant> =
                    valid.into_iter().filter(|grant| wanted(grant) && behind(grant)).collect();
                let more = page.len() > listing.limit;
                page.truncate(listing.limit);
                let next = page.last().filter(|_| more).map(|last| Cursor::behind(&place(last)));
                Ok((page, next))
            }
            user_id => {
                let range = GrantListing::range(tenant, project, user_id.as_deref());
                let mut walk = Walk::new(range, listing.limit, listing.after.clone());
                while !walk.is_over {
                    let grants = self.walk_on(&mut walk).await?;
                    walk.keep(grants.into_iter().map(|grant| wanted(&grant).then_some(grant)));
                }
                Ok((walk.kept, walk.after))
            }
        }
    }

    /// The grants of a user that hold at `now`, newest first; at most as many as may. Two round trips.
    async fn valid_of(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        user_id: &str,
        now: Timestamp,
    ) -> Result<Vec<Grant>, TableError> {
        let (tenant_id, project) = (tenant.tenant_id(), project.as_str());
        let live = self.live(&keys::live_grants(tenant_id, project, user_id)).await?;
        let rows: Vec<Key> = live
            .valid_at(now)
            .map(|grant| keys::grant(tenant_id, project, grant.created_at, grant.id))
            .collect();
        let found = self.table.get_all(&rows).await?;
        // What was taken back in between is seen as it is now.
        let mut grants = found.values().map(Grant::read).collect::<Result<Vec<_>, _>>()?;
        grants.retain(|grant| grant.is_valid_at(now));
        grants.sort_by_key(|grant| std::cmp::Reverse((grant.created_at, grant.id)));
        Ok(grants)
    }

    /// The grants of a user that hold in a bundle at `now`, newest first. Two round trips.
    pub async fn in_scope(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        user_id: &str,
        bundle: &str,
        now: Timestamp,
    ) -> Result<Vec<Grant>, TableError> {
        let mut grants = self.valid_of(tenant, project, user_id, now).await?;
        grants.retain(|grant| covers(&grant.bundle_id, bundle));
        Ok(grants)
    }

    /// A page of the users of a project whom grants hold for, those with the latest grant first, and where the next page
    /// starts. A user stands where its latest valid grant does, so it is on one page only.
    pub async fn users(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        limit: usize,
        after: Option<Cursor>,
        now: Timestamp,
    ) -> Result<Page<UserTotals>, TableError> {
        let row = |grant: &Grant| keys::live_grants(tenant.tenant_id(), project.as_str(), &grant.user_id);
        let mut walk = Walk::new(keys::grants(tenant.tenant_id(), project.as_str()), limit, after);
        while !walk.is_over {
            let grants = self.walk_on(&mut walk).await?;
            let mut rows: Vec<Key> = grants.iter().filter(|grant| grant.is_valid_at(now)).map(row).collect();
            rows.sort_by(|one, other| one.sk.cmp(&other.sk));
            rows.dedup();
            let mut live: HashMap<Key, LiveGrants> = HashMap::new();
            for (key, item) in self.table.get_all(&rows).await? {
                live.insert(key, LiveGrants::read(&item)?);
            }
            walk.keep(grants.into_iter().map(|grant| {
                let of_user = live.get(&row(&grant))?;
                let latest = of_user.valid_at(now).max_by_key(|grant| (grant.created_at, grant.id))?;
                (latest.id == grant.id)
                    .then(|| UserTotals::of(grant.user_id, of_user, latest.created_at, now))
            }));
        }
        Ok((walk.kept, walk.after))
    }

    /// A page of grants in order of their ends, and where the next page starts.
    pub async fn by_end(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        ends: Ends,
        (limit, after): (usize, Option<Cursor>),
        now: Timestamp,
    ) -> Result<Page<Grant>, TableError> {
        let range = ends.range(tenant, project, now);
        if range.from > range.to {
            return Ok((Vec::new(), None));
        }
        let query = Query::of(range).limit(limit).after(after);
        let query = if ends == Ends::Past { query.newest_first() } else { query };
        let page = self.table.query(query).await?;
        let grants = page.items.iter().map(Grant::read).collect::<Result<_, _>>()?;
        Ok((grants, page.next))
    }

    /// The rows of all ends, for reading a cursor.
    pub fn ends_range(tenant: &impl TenantScope, project: &Project) -> Range {
        keys::grant_ends(tenant.tenant_id(), project.as_str())
    }

    /// What was paid in each month that anything was paid in, oldest first.
    pub async fn revenue(
        &self,
        tenant: &impl TenantScope,
        project: &Project,
        (from, to): (Option<BillingPeriod>, Option<BillingPeriod>),
    ) -> Result<Vec<(String, Revenue)>, TableError> {
        let range = keys::revenues_between(tenant.tenant_id(), project.as_str(), from, to);
        if range.from > range.to {
            return Ok(Vec::new());
        }
        let rows = self.table.query_whole(Query::of(range)).await?;
        let month = |row: &Item| Ok((row.sk().to_owned(), Revenue::read(row)?));
        rows.iter().map(month).collect()
    }

    /// Reads on in a walk.
    async fn walk_on<T>(&self, walk: &mut Walk<T>) -> Result<Vec<Grant>, TableError> {
        let some = STORE_PAGE.min(2 * walk.limit + 20);
        let query = Query::of(walk.range.clone()).newest_first().limit(some).after(walk.after.take());
        let page = self.table.query(query).await?;
        walk.rows = page.items.iter().map(Item::key).collect();
        walk.after = page.next;
        Ok(page.items.iter().map(Grant::read).collect::<Result<_, _>>()?)
    }
}

/// A walk over grants, newest first, until enough are found that are to be shown.
struct Walk<T> {
    range: Range,
    limit: usize,
    /// What is shown.
    kept: Vec<T>,
    /// Where to read on; at the end, where the next page starts.
    after: Option<Cursor>,
    is_over: bool,
    /// The rows that were read last.
    rows: Vec<Key>,
    examined: usize,
}

impl<T> Walk<T> {
    fn new(range: Range, limit: usize, after: Option<Cursor>) -> Self {
        Self { range, limit, kept: Vec::new(), after, is_over: false, rows: Vec::new(), examined: 0 }
    }

    /// Takes what is shown of the rows that were read last, one for each.
    fn keep(&mut self, shown: impl Iterator<Item = Option<T>>) {
        self.examined += self.rows.len();
        for (place, shown) in shown.enumerate() {
            self.kept.extend(shown);
            if self.kept.len() == self.limit {
                self.is_over = true;
                if place + 1 < self.rows.len() {
                    self.after = Some(Cursor::behind(&self.rows[place]));
                }
                return;
            }
        }
        self.is_over = self.after.is_none() || self.examined >= MAX_EXAMINED;
    }
}

impl UserTotals {
    fn of(user_id: String, live: &LiveGrants, latest: Timestamp, now: Timestamp) -> Self {
        let valid = || live.valid_at(now);
        Self {
            user_id,
            grants: valid().count(),
            additions: valid().fold(Quotas::default(), |sum, grant| sum.and(&grant.additions)),
            earliest_expiry: valid().filter_map(|grant| grant.expires_at).min(),
            latest,
        }
    }

    /// The sum of what is added in one dimension; none where nothing is.
    pub fn addition(&self, dimension: Dimension) -> Option<u64> {
        self.additions.get(dimension)
    }
}
