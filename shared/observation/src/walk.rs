//! One walk down the levels, newest first, that ends when enough rows are met or enough is asked of the store.

use std::collections::VecDeque;

use bespin_access::{ConsoleAccess, OperatedTenant, Tenant};
use bespin_audit::AuditScope;
use bespin_kpi::KpiListing;
use bespin_metering::LedgerListing;
use bespin_primitives::{BillingPeriod, KpiId, TenantId, Timestamp};
use bespin_recording::KeptKey;
use bespin_table::{Cursor, Key, TableError, keys};
use futures::future::try_join;

use crate::{
    Kind, Observation, Page, Place,
    level::Level,
    place::Step,
    row::{self, Row},
};

/// How many tenants, users, KPIs, months or conversations are read ahead at a time.
const AHEAD: usize = 25;
/// How many reads a page of all tenants is: their partitions.
const READS_OF_TENANTS: usize = 16;
/// How many items one look through the table takes.
const SCANNED: usize = 500;

/// When a walk ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// At most so many rows.
    pub(crate) rows: usize,
    /// The store is asked no more after so many times.
    pub(crate) reads: usize,
    /// No further row is met after so many bytes.
    pub(crate) bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { rows: 200, reads: 100, bytes: 3_000_000 }
    }
}

/// One item of a level.
enum Node {
    /// Leads to a level of its own.
    Branch(Cursor),
    /// Is rows; none where it is of no interest. Without a place it is all that the level has.
    Rows(Vec<Row>, Option<Cursor>),
}

/// A level that is being walked.
struct Open {
    level: Level,
    step: Step,
    ahead: VecDeque<Node>,
    more: bool,
}

impl Open {
    fn at(level: Level, step: Step) -> Self {
        Self { level, step, ahead: VecDeque::new(), more: true }
    }
}

pub(crate) struct Walk<'a> {
    seen: &'a Observation,
    access: &'a ConsoleAccess,
    kind: Kind,
    now: Timestamp,
    bounds: Bounds,
    open: Vec<Open>,
    rows: Vec<Row>,
    reads: usize,
    bytes: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        seen: &'a Observation,
        access: &'a ConsoleAccess,
        kind: Kind,
        now: Timestamp,
        bounds: Bounds,
    ) -> Self {
        Self { seen, access, kind, now, bounds, open: Vec::new(), rows: Vec::new(), reads: 0, bytes: 0 }
    }

    /// From the top, or from where an earlier page ended.
    pub(crate) async fn from(
        mut self,
        tenant: Option<TenantId>,
        after: Option<&Place>,
    ) -> Result<Page, TableError> {
        let mut level = Level::top(self.kind, tenant);
        let steps = after.map_or_else(|| vec![Step::default()], |place| place.0.clone());
        for step in steps {
            let below = step.behind.as_ref().and_then(|item| level.below(self.kind, item));
            self.open.push(Open::at(level, step));
            match below {
                Some(below) => level = below,
                None => break,
            }
        }
        self.on().await
    }

    /// Over these tenants only.
    pub(crate) async fn over(mut self, tenants: &[Tenant]) -> Result<Page, TableError> {
        let mut top = Open::at(Level::top(self.kind, None), Step::default());
        if top.level == Level::Tenants {
            top.ahead = tenants.iter().map(|tenant| Node::Branch(place_of(tenant))).collect();
            top.more = false;
        }
        self.open.push(top);
        self.on().await
    }

    async fn on(mut self) -> Result<Page, TableError> {
        while let Some(top) = self.open.last_mut() {
            match top.ahead.pop_front() {
                Some(Node::Branch(item)) => {
                    let below = top.level.below(self.kind, &item);
                    top.step = Step { behind: Some(item), rows: 0 };
                    self.open.extend(below.map(|level| Open::at(level, Step::default())));
                }
                Some(Node::Rows(rows, place)) => {
                    for row in rows.into_iter().skip(top.step.rows) {
                        if self.rows.len() >= self.bounds.rows || self.bytes >= self.bounds.bytes {
                            return Ok(self.ended_here());
                        }
                        self.bytes += row.iter().map(|value| value.to_string().len()).sum::<usize>();
                        self.rows.push(row);
                        top.step.rows += 1;
                    }
                    if place.is_some() {
                        top.step = Step { behind: place, rows: 0 };
                    }
                }
                None if top.more => {
                    if self.reads >= self.bounds.reads {
                        return Ok(self.ended_here());
                    }
                    self.read_ahead().await?;
                }
                None => drop(self.open.pop()),
            }
        }
        Ok(Page { rows: self.rows, next: None })
    }

    fn ended_here(self) -> Page {
        let steps = self.open.into_iter().map(|open| open.step).collect();
        Page { rows: self.rows, next: Some(Place(steps)) }
    }

    /// Reads the next items of the level at hand. One row more than is wanted tells whether there are more.
    async fn read_ahead(&mut self) -> Result<(), TableError> {
        let wanted = self.bounds.rows.saturating_sub(self.rows.len()) + 1;
        let Some(top) = self.open.last() else { return Ok(()) };
        let (level, after) = (top.level, top.step.behind.clone());
        let limit = if level.leads_on(self.kind) { wanted.min(AHEAD) } else { wanted };
        self.reads += if level == Level::Tenants { READS_OF_TENANTS } else { 1 };
        let (nodes, more) = self.items(level, after, limit).await?;
        if let Some(top) = self.open.last_mut() {
            top.ahead = nodes.into();
            top.more = more;
        }
        Ok(())
    }

    fn over_tenant(&self, tenant: TenantId) -> OperatedTenant {
        self.access.over(tenant)
    }

    /// Items of a level behind a place, and whether there are more.
    async fn items(
        &self,
        level: Level,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Node>, bool), TableError> {
        let stores = &self.seen.stores;
        let branches = level.leads_on(self.kind);
        let node = |place: Key, row: &dyn Fn() -> Row| {
            let place = Cursor::behind(&place);
            if branches { Node::Branch(place) } else { Node::Rows(vec![row()], Some(place)) }
        };
        match level {
            Level::Tenants => {
                let (tenants, next) = stores.tenants.page(limit, after).await?;
                let node = |tenant: &Tenant| match branches {
                    true => Node::Branch(place_of(tenant)),
                    false => Node::Rows(vec![row::tenant(tenant)], Some(place_of(tenant))),
                };
                Ok((tenants.iter().map(node).collect(), next.is_some()))
            }
            Level::Tenant(tenant) => {
                let found = stores.tenants.find(tenant).await?;
                Ok((vec![Node::Rows(found.iter().map(row::tenant).collect(), None)], false))
            }
            Level::Catalogue => {
                let catalogue = stores.entitlements.catalogue().await?;
                Ok((vec![Node::Rows(row::of_catalogue(self.kind, &catalogue), None)], false))
            }
            Level::Everything(tenant) => self.kept_keys(tenant, after).await,
            Level::Users(tenant) => {
                let (users, next) = stores.tenants.users(&self.over_tenant(tenant), limit, after).await?;
                let node = users.iter().map(|user| {
                    node(keys::user_by_creation(tenant, user.created_at, user.id), &|| row::user(user))
                });
                Ok((node.collect(), next.is_some()))
            }
            Level::Kpis(tenant) => {
                let listing = KpiListing { limit, offset: 0, after };
                let (kpis, next) = stores.kpis.list(&self.over_tenant(tenant), listing).await?;
                let node = kpis.iter().map(|kpi| {
                    node(keys::kpi_by_creation(tenant, kpi.created_at, kpi.id), &|| row::kpi(tenant, kpi))
                });
                Ok((node.collect(), next.is_some()))
            }
            Level::Points(tenant, kpi) => self.points(tenant, kpi, after).await,
            Level::Briefs(tenant) => {
                let (briefs, next) = stores.briefs.page(&self.over_tenant(tenant), limit, after).await?;
                let node = |brief: &bespin_briefs::StoredBrief| {
                    let place = Cursor::behind(&keys::brief(tenant, brief.date));
                    Ok(Node::Rows(vec![row::brief(tenant, brief)?], Some(place)))
                };
                Ok((briefs.iter().map(node).collect::<Result<_, TableError>>()?, next.is_some()))
            }
            Level::Months(tenant) => {
                let (months, next) = stores.metering.months(&self.over_tenant(tenant), limit, after).await?;
                let node = |usage: &bespin_metering::Usage| {
                    let place = Cursor::behind(&keys::usage(tenant, usage.period()));
                    if branches {
                        return Ok(Node::Branch(place));
                    }
                    Ok(Node::Rows(row::roll_ups(tenant, usage)?, Some(place)))
                };
                Ok((months.iter().map(node).collect::<Result<_, TableError>>()?, next.is_some()))
            }
            Level::Ledger(tenant, period) => {
                let scope = self.over_tenant(tenant);
                let (entries, next) = self.ledger(&scope, period, limit, after).await?;
                let node = entries.iter().map(|entry| {
                    let place = keys::ledger_entry(tenant, entry.created_at, entry.id);
                    node(place, &|| row::ledger_entry(entry))
                });
                Ok((node.collect(), next))
            }
            Level::Audited(tenant, period) => self.audited(tenant, period, limit, after).await,
            Level::Prefs(tenant) => {
                let scope = self.over_tenant(tenant);
                let (saved, next) = stores.notifications.saved_prefs(&scope, limit, after).await?;
                let node = |saved: &bespin_notifications::SavedPrefs| {
                    Node::Rows(vec![row::prefs(tenant, saved)], Some(saved.place.clone()))
                };
                Ok((saved.iter().map(node).collect(), next.is_some()))
            }
            Level::Outbox(tenant, user) => {
                let scope = self.over_tenant(tenant);
                let (found, next) = stores.notifications.outbox_of(&scope, user, limit, after).await?;
                let node = found.iter().map(|envelope| {
                    let place = keys::notification(tenant, user, envelope.id);
                    node(place, &|| row::notification(tenant, user, envelope))
                });
                Ok((node.collect(), next.is_some()))
            }
            Level::Conversations(tenant, user) => {
                let scope = self.over_tenant(tenant);
                let (found, next) = stores.conversations.of_user(&scope, user, limit, after).await?;
                let node = found.iter().map(|one| {
                    let place = keys::conversation_by_creation(tenant, user, one.created_at, one.id);
                    node(place, &|| row::conversation(tenant, user, one))
                });
                Ok((node.collect(), next.is_some()))
            }
            Level::Exchanges(tenant, user, conversation) => {
                let scope = self.over_tenant(tenant);
                // Each exchange is two rows.
                let (found, next) = stores
                    .conversations
                    .newest_exchanges(&scope, conversation, limit.div_ceil(2), after)
                    .await?;
                let node = found.iter().map(|exchange| {
                    let place =
                        keys::exchange(tenant, conversation, exchange.created_at, exchange.question_id);
                    let rows = row::messages(tenant, user, conversation, exchange);
                    Node::Rows(rows, Some(Cursor::behind(&place)))
                });
                Ok((node.collect(), next.is_some()))
            }
            Level::Subscription(tenant) => {
                let scope = self.over_tenant(tenant);
                let account = stores.entitlements.account(&scope, self.now.period()).await?;
                let row = |subscription| row::subscription(tenant, subscription, self.now);
                Ok((vec![Node::Rows(account.subscription.iter().map(row).collect(), None)], false))
            }
        }
    }

    async fn points(
        &self,
        tenant: TenantId,
        kpi: KpiId,
        after: Option<Cursor>,
    ) -> Result<(Vec<Node>, bool), TableError> {
        let before = after.and_then(|place| keys::point_of_place(place.sk()));
        let points = self.seen.stores.kpis.points_before(&self.over_tenant(tenant), kpi, before).await?;
        let more = !points.is_empty();
        let node = points.iter().map(|point| {
            let place = Cursor::behind(&keys::series_leaf(tenant, kpi, point.at()));
            Node::Rows(vec![row::point(tenant, kpi, point)], Some(place))
        });
        Ok((node.collect(), more))
    }

    async fn ledger(
        &self,
        scope: &OperatedTenant,
        period: BillingPeriod,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<bespin_metering::LedgerEntry>, bool), TableError> {
        let from = Timestamp::midnight(period.start()).unwrap_or(Timestamp::MIN);
        let listing = LedgerListing { from, event: None, limit, after };
        let (entries, next) = self.seen.stores.metering.entries(scope, listing).await?;
        Ok((entries, next.is_some()))
    }

    /// What is audited in a month. Ledger and audit are read side by side and merged: both are in order of instant and
    /// id, so a place in the one is a place in the other.
    async fn audited(
        &self,
        tenant: TenantId,
        period: BillingPeriod,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Node>, bool), TableError> {
        let scope = self.over_tenant(tenant);
        let of_audit = AuditScope::of_tenant(&scope);
        let audit_pk = of_audit.range(period).pk;
        let in_audit =
            after.as_ref().map(|place| Cursor::behind(&Key { pk: audit_pk, sk: place.sk().to_owned() }));
        let ((entries, more_entries), (changes, more_changes)) = try_join(
            self.ledger(&scope, period, limit, after),
            self.seen.stores.audit.entries(&of_audit, period, limit, in_audit),
        )
        .await?;
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| (keys::ledger_entry(tenant, entry.created_at, entry.id).sk, row::audited(entry)))
            .collect();
        let changes: Vec<_> = changes
            .iter()
            .map(|entry| {
                let place = keys::tenant_audit_entry(tenant, entry.created_at, entry.id).sk;
                (place, row::audited_run(tenant, entry))
            })
            .collect();
        let more_changes = more_changes.is_some();
        // Behind the last item of a list that goes on, the other list may not be told yet.
        let last = |list: &[(String, Option<Row>)], more: bool| {
            list.last().filter(|_| more).map(|(place, _)| place.clone()).unwrap_or_default()
        };
        let until = last(&entries, more_entries).max(last(&changes, more_changes));
        let mut merged: Vec<_> =
            entries.into_iter().chain(changes).filter(|(place, _)| *place >= until).collect();
        merged.sort_by(|(one, _), (other, _)| other.cmp(one));
        let pk = keys::ledger(tenant, period).pk;
        let node = |(sk, row): (String, Option<Row>)| {
            let place = Cursor::behind(&Key { pk: pk.clone(), sk });
            Node::Rows(row.into_iter().collect(), Some(place))
        };
        Ok((merged.into_iter().map(node).collect(), more_entries || more_changes))
    }

    /// Keys that were used, found by looking through the table; none where that may not be done.
    async fn kept_keys(
        &self,
        tenant: Option<TenantId>,
        after: Option<Cursor>,
    ) -> Result<(Vec<Node>, bool), TableError> {
        if !self.seen.may_scan {
            return Ok((Vec::new(), false));
        }
        let after = after.and_then(|place| keys::row_anywhere(place.sk()));
        let (found, last) = KeptKey::scan(&self.seen.stores.table, SCANNED, after).await?;
        let of_interest = |(key, _): &&(KeptKey, Key)| tenant.is_none_or(|tenant| tenant == key.tenant_id);
        let mut nodes: Vec<Node> = found
            .iter()
            .filter(of_interest)
            .map(|(key, at)| Node::Rows(vec![row::kept_key(key)], Some(Cursor::behind(&keys::anywhere(at)))))
            .collect();
        let more = last.is_some();
        nodes.extend(last.map(|at| Node::Rows(Vec::new(), Some(Cursor::behind(&keys::anywhere(&at))))));
        Ok((nodes, more))
    }
}

/// Where a tenant stands among all.
fn place_of(tenant: &Tenant) -> Cursor {
    let row = keys::tenant_by_creation(tenant.id, tenant.created_at);
    Cursor::behind(&Key { pk: keys::all_tenants().pk, sk: row.sk })
}
