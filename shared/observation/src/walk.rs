//! One walk down the levels, newest first, that ends when enough rows are met or enough is asked of the store.

use std::collections::VecDeque;

use bespin_access::{ConsoleAccess, OperatedTenant, Tenant, User};
use bespin_audit::AuditScope;
use bespin_conversations::{Conversation, Exchange};
use bespin_entitlements::Subscription;
use bespin_kpi::{Kpi, KpiListing, Point};
use bespin_metering::{LedgerEntry, LedgerListing};
use bespin_notifications::{Envelope, SavedPrefs};
use bespin_primitives::{BillingPeriod, ConversationId, KpiId, TenantId, Timestamp, UserId};
use bespin_recording::KeptKey;
use bespin_table::{Cursor, Key, TableError, keys};
use futures::future::{BoxFuture, try_join};

use crate::{
    Kind, Observation, Page, Place,
    level::Level,
    place::Step,
    row::{self, Row},
};

/// How many tenants, users, KPIs, months or conversations are read ahead at a time.
const AHEAD: usize = 25;
/// How many rows one read asks for at most. All kinds are counted side by side, so what each reads at a time is held as often
/// as there are kinds.
const AT_ONCE: usize = 250;
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
    /// Whether only the number of rows is wanted: each is empty then.
    pub(crate) counts_only: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { rows: 200, reads: 100, bytes: 3_000_000, counts_only: false }
    }
}

/// One item of a level.
enum Node {
    /// Leads to a level of its own.
    Branch(Cursor),
    /// Is rows; none where it is of no interest. Without a place it is all that the level has.
    Rows(Vec<Row>, Option<Cursor>),
}

impl Node {
    /// Forgets what its rows hold.
    fn empty(&mut self) {
        if let Self::Rows(rows, _) = self {
            for row in rows {
                *row = Row::new();
            }
        }
    }
}

/// Items, and whether there are more.
type Items = (Vec<Node>, bool);

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
            top.ahead =
                tenants.iter().map(|tenant| Node::Branch(Cursor::behind(&place_of(tenant)))).collect();
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
        let limit = wanted.min(if level.leads_on(self.kind) { AHEAD } else { AT_ONCE });
        self.reads += if level == Level::Tenants { READS_OF_TENANTS } else { 1 };
        let (mut nodes, more) = self.items(level, after, limit).await?;
        if self.bounds.counts_only {
            // All kinds are counted side by side, and their rows together would be more than all else that a function holds.
            for node in &mut nodes {
                node.empty();
            }
        }
        if let Some(top) = self.open.last_mut() {
            top.ahead = nodes.into();
            top.more = more;
        }
        Ok(())
    }

    fn scope(&self, tenant: TenantId) -> OperatedTenant {
        self.access.over(tenant)
    }

    /// Items of a level behind a place, and whether there are more. Each kind of level is read by a future of its own, on the
    /// heap: one that could make all of these reads would be too large for the stack of a thread.
    fn items(
        &self,
        level: Level,
        after: Option<Cursor>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Items, TableError>> {
        match level {
            Level::Tenants => Box::pin(self.tenants(limit, after)),
            Level::Tenant(tenant) => Box::pin(self.one_tenant(tenant)),
            Level::Catalogue => Box::pin(self.catalogue()),
            Level::Everything(tenant) => Box::pin(self.kept_keys(tenant, after)),
            Level::Users(tenant) => Box::pin(self.users(tenant, limit, after)),
            Level::Kpis(tenant) => Box::pin(self.kpis(tenant, limit, after)),
            Level::Points(tenant, kpi) => Box::pin(self.points(tenant, kpi, after)),
            Level::Briefs(tenant) => Box::pin(self.briefs(tenant, limit, after)),
            Level::Months(tenant) => Box::pin(self.months(tenant, limit, after)),
            Level::Ledger(tenant, period) => Box::pin(self.ledger(tenant, period, limit, after)),
            Level::Audited(tenant, period) => Box::pin(self.audited(tenant, period, limit, after)),
            Level::Prefs(tenant) => Box::pin(self.prefs(tenant, limit, after)),
            Level::Outbox(tenant, user) => Box::pin(self.outbox(tenant, user, limit, after)),
            Level::Conversations(tenant, user) => Box::pin(self.conversations(tenant, user, limit, after)),
            Level::Exchanges(tenant, user, conversation) => {
                Box::pin(self.exchanges(tenant, user, conversation, limit, after))
            }
            Level::Subscription(tenant) => Box::pin(self.subscription(tenant)),
        }
    }

    /// An item that leads on where `leads_on`, and otherwise is one row.
    fn node(leads_on: bool, place: &Key, row: impl FnOnce() -> Row) -> Node {
        let place = Cursor::behind(place);
        if leads_on { Node::Branch(place) } else { Node::Rows(vec![row()], Some(place)) }
    }

    async fn tenants(&self, limit: usize, after: Option<Cursor>) -> Result<Items, TableError> {
        let (tenants, next) = self.seen.stores.tenants.page(limit, after).await?;
        let leads_on = Level::Tenants.leads_on(self.kind);
        let node = |tenant: &Tenant| Self::node(leads_on, &place_of(tenant), || row::tenant(tenant));
        Ok((tenants.iter().map(node).collect(), next.is_some()))
    }

    async fn one_tenant(&self, tenant: TenantId) -> Result<Items, TableError> {
        let found = self.seen.stores.tenants.find(tenant).await?;
        Ok((vec![Node::Rows(found.iter().map(row::tenant).collect(), None)], false))
    }

    async fn catalogue(&self) -> Result<Items, TableError> {
        let catalogue = self.seen.stores.entitlements.catalogue().await?;
        Ok((vec![Node::Rows(row::of_catalogue(self.kind, &catalogue), None)], false))
    }

    async fn users(
        &self,
        tenant: TenantId,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<Items, TableError> {
        let (users, next) = self.seen.stores.tenants.users(&self.scope(tenant), limit, after).await?;
        let leads_on = Level::Users(tenant).leads_on(self.kind);
        let node = |user: &User| {
            let place = keys::user_by_creation(tenant, user.created_at, user.id);
            Self::node(leads_on, &place, || row::user(user))
        };
        Ok((users.iter().map(node).collect(), next.is_some()))
    }

    async fn kpis(&self, tenant: TenantId, limit: usize, after: Option<Cursor>) -> Result<Items, TableError> {
        let listing = KpiListing { limit, offset: 0, after };
        let (kpis, next) = self.seen.stores.kpis.list(&self.scope(tenant), listing).await?;
        let leads_on = Level::Kpis(tenant).leads_on(self.kind);
        let node = |kpi: &Kpi| {
            let place = keys::kpi_by_creation(tenant, kpi.created_at, kpi.id);
            Self::node(leads_on, &place, || row::kpi(tenant, kpi))
        };
        Ok((kpis.iter().map(node).collect(), next.is_some()))
    }

    async fn points(&self, tenant: TenantId, kpi: KpiId, after: Option<Cursor>) -> Result<Items, TableError> {
        let before = after.and_then(|place| keys::point_of_place(place.sk()));
        let (points, more) = self.seen.stores.kpis.points_before(&self.scope(tenant), kpi, before).await?;
        let node = |point: &Point| {
            Self::node(false, &keys::series_leaf(tenant, kpi, point.at()), || row::point(tenant, kpi, point))
        };
        Ok((points.iter().map(node).collect(), more))
    }

    async fn briefs(
        &self,
        tenant: TenantId,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<Items, TableError> {
        let (briefs, next) = self.seen.stores.briefs.page(&self.scope(tenant), limit, after).await?;
        let mut items = Vec::with_capacity(briefs.len());
        for brief in &briefs {
            let row = row::brief(tenant, brief)?;
            items.push(Self::node(false, &keys::brief(tenant, brief.date), || row));
        }
        Ok((items, next.is_some()))
    }

    async fn months(
        &self,
        tenant: TenantId,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<Items, TableError> {
        let (months, next) = self.seen.stores.metering.months(&self.scope(tenant), limit, after).await?;
        let leads_on = Level::Months(tenant).leads_on(self.kind);
        let mut items = Vec::with_capacity(months.len());
        for usage in &months {
            let place = Cursor::behind(&keys::usage(tenant, usage.period()));
            items.push(if leads_on {
                Node::Branch(place)
            } else {
                Node::Rows(row::roll_ups(tenant, usage)?, Some(place))
            });
        }
        Ok((items, next.is_some()))
    }

    async fn ledger(
        &self,
        tenant: TenantId,
        period: BillingPeriod,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<Items, TableError> {
        let (entries, more) = self.entries(&self.scope(tenant), period, limit, after).await?;
        let node = |entry: &LedgerEntry| {
            let place = keys::ledger_entry(tenant, entry.created_at, entry.id);
            Self::node(false, &place, || row::ledger_entry(entry))
        };
        Ok((entries.iter().map(node).collect(), more))
    }

    async fn prefs(
        &self,
        tenant: TenantId,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<Items, TableError> {
        let scope = self.scope(tenant);
        let (saved, next) = self.seen.stores.notifications.saved_prefs(&scope, limit, after).await?;
        let node =
            |saved: &SavedPrefs| Node::Rows(vec![row::prefs(tenant, saved)], Some(saved.place.clone()));
        Ok((saved.iter().map(node).collect(), next.is_some()))
    }

    async fn outbox(
        &self,
        tenant: TenantId,
        user: UserId,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<Items, TableError> {
        let scope = self.scope(tenant);
        let (found, next) = self.seen.stores.notifications.outbox_of(&scope, user, limit, after).await?;
        let node = |envelope: &Envelope| {
            let place = keys::notification(tenant, user, envelope.id);
            Self::node(false, &place, || row::notification(tenant, user, envelope))
        };
        Ok((found.iter().map(node).collect(), next.is_some()))
    }

    async fn conversations(
        &self,
        tenant: TenantId,
        user: UserId,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<Items, TableError> {
        let scope = self.scope(tenant);
        let (found, next) = self.seen.stores.conversations.of_user(&scope, user, limit, after).await?;
        let leads_on = Level::Conversations(tenant, user).leads_on(self.kind);
        let node = |one: &Conversation| {
            let place = keys::conversation_by_creation(tenant, user, one.created_at, one.id);
            Self::node(leads_on, &place, || row::conversation(tenant, user, one))
        };
        Ok((found.iter().map(node).collect(), next.is_some()))
    }

    /// Each exchange is two rows.
    async fn exchanges(
        &self,
        tenant: TenantId,
        user: UserId,
        conversation: ConversationId,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<Items, TableError> {
        let (scope, half) = (self.scope(tenant), limit.div_ceil(2));
        let stores = &self.seen.stores;
        let (found, next) = stores.conversations.newest_exchanges(&scope, conversation, half, after).await?;
        let node = |exchange: &Exchange| {
            let place = keys::exchange(tenant, conversation, exchange.created_at, exchange.question_id);
            let rows = row::messages(tenant, user, conversation, exchange);
            Node::Rows(rows, Some(Cursor::behind(&place)))
        };
        Ok((found.iter().map(node).collect(), next.is_some()))
    }

    async fn subscription(&self, tenant: TenantId) -> Result<Items, TableError> {
        let account = self.seen.stores.entitlements.account(&self.scope(tenant), self.now.period()).await?;
        let row = |subscription: &Subscription| row::subscription(tenant, subscription, self.now);
        Ok((vec![Node::Rows(account.subscription.iter().map(row).collect(), None)], false))
    }

    async fn entries(
        &self,
        scope: &OperatedTenant,
        period: BillingPeriod,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<LedgerEntry>, bool), TableError> {
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
    ) -> Result<Items, TableError> {
        let scope = self.scope(tenant);
        let of_audit = AuditScope::of_tenant(&scope);
        let audit_pk = of_audit.range(period).pk;
        let in_audit =
            after.as_ref().map(|place| Cursor::behind(&Key { pk: audit_pk, sk: place.sk().to_owned() }));
        let ((entries, more_entries), (changes, more_changes)) = try_join(
            self.entries(&scope, period, limit, after),
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
    async fn kept_keys(&self, tenant: Option<TenantId>, after: Option<Cursor>) -> Result<Items, TableError> {
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
fn place_of(tenant: &Tenant) -> Key {
    let row = keys::tenant_by_creation(tenant.id, tenant.created_at);
    Key { pk: keys::all_tenants().pk, sk: row.sk }
}
