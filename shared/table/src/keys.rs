//! The whole key schema: every row of the one table, each with the query that reads it. Only this file
//! spells keys.
//!
//! Tenant data begin with the tenant's id in `pk`, so an IAM condition on leading keys walls tenants off.
//! `<instant>` is [`Timestamp::sortable`], so rows sort by time as text.
//!
//! | row | pk | sk | read by |
//! |---|---|---|---|
//! | tenant | `T#<tenant>` | `TENANT` | batch: authenticate |
//! | daily limits | `T#<tenant>` | `LIMITS` | batch: authenticate |
//! | subscription | `T#<tenant>` | `SUBSCRIPTION` | batch: authenticate |
//! | user | `T#<tenant>` | `USER#<user>` | batch: authenticate |
//! | API key | `T#<tenant>` | `KEY#<hash>` | batch: authenticate; query by prefix: a tenant's keys |
//! | lock of a tenant's API keys | `T#<tenant>` | `KEYRING` | get: every change of the keys |
//! | user in order of creation | `T#<tenant>#USERS` | `<instant>#<user>` | query: a tenant's users, oldest first |
//! | owner of a user id | `U#<user>` | `OWNER` | batch: authenticate (tells a stranger's user from none) |
//! | tenant in order of creation | `TENANTS#<first hex digit of the tenant>` | `<instant>#<tenant>` | 16 queries: all tenants |
//! | schedule of a tenant's daily brief | `SCHEDULES#<first hex digit of the tenant>` | `<tenant>` | get: show, set, run; 16 queries: who is due |
//! | KPI | `T#<tenant>#KPIS` | `ID#<kpi>` | get: one definition |
//! | KPI in order of creation | `T#<tenant>#KPIS` | `AT#<instant>#<kpi>` | query: list, brief |
//! | head of a KPI's series | `T#<tenant>#KPI#<kpi>` | `HEAD` | get: latest point; lock of every ingest |
//! | leaf of a KPI's series | `T#<tenant>#KPI#<kpi>` | `P#<first instant>` | query by range: ingest, brief, summary |
//! | journal of a wide ingest | `T#<tenant>#KPI#<kpi>` | `J#<page>` | query by prefix: roll forward |
//! | brief | `T#<tenant>#BRIEFS` | `<date>` | get: by date; query, newest first: latest |
//! | usage of a month | `T#<tenant>#USAGE` | `<yyyy-mm>` | get: admission, usage |
//! | ledger entry | `T#<tenant>#LEDGER#<yyyy-mm>` | `<instant>#<entry>` | query, newest first: ledger |
//! | idempotency record | `T#<tenant>#IDEM#<hash>` | `RECORD` | get, or the old item of a refused write |
//! | idempotency record of a sign-up | `IDEM#<hash>` | `RECORD` | the same |
//! | piece of a text too large for its row | `T#<tenant>#TEXT#<id>` | `<piece>` | query: the whole text |
//! | sign-ups of an address | `SIGNUPS#<address>` | `<minute>` | the old item of a refused write |
//! | audit entry of a tenant | `T#<tenant>#AUDIT#<yyyy-mm>` | `<instant>#<entry>` | query, newest first: audit |
//! | audit entry of the platform | `AUDIT#<yyyy-mm>` | `<instant>#<entry>` | query, newest first: audit |
//! | notification preferences of a user, in order of the users' creation | `T#<tenant>#PREFS` | `<instant>#<user>` | get: own preferences; query: recipients of a run |
//! | notification | `T#<tenant>#OUTBOX#<user>` | `N#<id>` | query, newest first: outbox; get: acknowledge |
//! | a user has its notification of a type and date | `T#<tenant>#OUTBOX#<user>` | `ONCE#<type>#<date>` | batch: recipients of a run; get: outbox of a date |
//! | what all notifications of a type and date say | `T#<tenant>#NOTICES` | `<type>#<date>` | batch: outbox |
//! | run of the daily-brief job | `T#<tenant>#RUNS` | `<run>` | get: resume, show; the old item of a refused write |
//! | moment that ids of notifications were made of | `NOTIFICATION_IDS#<moment>` | `TAKEN` | batch: the next free one |
//! | conversation of a user | `T#<tenant>#CHATS#<user>` | `ID#<conversation>` | get: one conversation; condition of every chat |
//! | conversation in order of creation | `T#<tenant>#CHATS#<user>` | `AT#<instant>#<conversation>` | query, newest first: list |
//! | question and answer of a conversation | `T#<tenant>#CHAT#<conversation>` | `<instant>#<message>` | query: messages, oldest first |
//! | metered event | `CATALOGUE` | `EVENT#<event>` | query: the whole catalogue |
//! | plan with capabilities and caps | `CATALOGUE` | `PLAN#<plan>` | query: the whole catalogue |
//! | the catalogue was seeded | `CATALOGUE` | `SEEDED` | query: the whole catalogue |

use bespin_primitives::{
    AuditEntryId, BillingPeriod, ConversationId, Date, EntryId, KpiId, MessageId, TenantId, Timestamp,
    UserId, parse_date,
};

/// The primary key of one item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The partition.
    pub pk: String,
    /// The place in the partition's order.
    pub sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

/// A run of items of one partition, in order of `sk`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The partition.
    pub pk: String,
    /// The first `sk`, inclusive.
    pub from: String,
    /// The last `sk`, inclusive.
    pub to: String,
}

impl Range {
    fn prefix(pk: String, prefix: &str) -> Self {
        // Every sk is ASCII, so `~` sorts after all that may follow the prefix.
        Self { pk, from: prefix.to_owned(), to: format!("{prefix}~") }
    }

    fn whole(pk: String) -> Self {
        Self { pk, from: " ".to_owned(), to: "~".to_owned() }
    }
}

/// The tenant itself.
pub fn tenant(tenant: TenantId) -> Key {
    Key::new(format!("T#{tenant}"), "TENANT")
}

/// The tenant whose partition this is; `None` for a partition of nobody.
pub fn tenant_of(pk: &str) -> Option<TenantId> {
    let rest = pk.strip_prefix("T#")?;
    TenantId::parse(rest.split('#').next()?)
}

/// The tenant's daily limits.
pub fn daily_limits(tenant: TenantId) -> Key {
    Key::new(format!("T#{tenant}"), "LIMITS")
}

/// The tenant's subscription.
pub fn subscription(tenant: TenantId) -> Key {
    Key::new(format!("T#{tenant}"), "SUBSCRIPTION")
}

/// One user of a tenant.
pub fn user(tenant: TenantId, user: UserId) -> Key {
    Key::new(format!("T#{tenant}"), format!("USER#{user}"))
}

/// One API key of a tenant, by the hash of the key.
pub fn api_key(tenant: TenantId, hash: &str) -> Key {
    Key::new(format!("T#{tenant}"), format!("KEY#{hash}"))
}

/// All API keys of a tenant.
pub fn api_keys(tenant: TenantId) -> Range {
    Range::prefix(format!("T#{tenant}"), "KEY#")
}

/// What every change of a tenant's API keys moves on, so that no two are made of the same keys.
pub fn keyring(tenant: TenantId) -> Key {
    Key::new(format!("T#{tenant}"), "KEYRING")
}

/// A user's place in the order of creation.
pub fn user_by_creation(tenant: TenantId, at: Timestamp, user: UserId) -> Key {
    Key::new(format!("T#{tenant}#USERS"), format!("{}#{user}", at.sortable()))
}

/// A tenant's users in order of creation.
pub fn users_by_creation(tenant: TenantId) -> Range {
    Range::whole(format!("T#{tenant}#USERS"))
}

/// Which tenant a user id belongs to.
pub fn user_owner(user: UserId) -> Key {
    Key::new(format!("U#{user}"), "OWNER")
}

/// A tenant's place among all tenants. Sixteen partitions, so that no one of them takes every sign-up.
pub fn tenant_by_creation(tenant: TenantId, at: Timestamp) -> Key {
    let id = tenant.to_string();
    Key::new(format!("TENANTS#{}", &id[..1]), format!("{}#{id}", at.sortable()))
}

/// The sixteen partitions of all tenants, each in order of creation.
pub fn tenants_by_creation() -> [Range; 16] {
    std::array::from_fn(|digit| Range::whole(format!("TENANTS#{digit:x}")))
}

/// The order of all tenants over their partitions, for cursors. No row stands here.
pub fn all_tenants() -> Range {
    Range::whole("TENANTS".to_owned())
}

/// The schedule of a tenant's daily brief. Not in the tenant's own partition, because each hour all are read.
pub fn schedule(tenant: TenantId) -> Key {
    let id = tenant.to_string();
    Key::new(format!("SCHEDULES#{}", &id[..1]), id)
}

/// One of the sixteen partitions of all schedules; `partition` counts from 0.
pub fn schedules(partition: usize) -> Range {
    Range::whole(format!("SCHEDULES#{:x}", partition % 16))
}

/// The id at the end of a place in an order of creation; other text for any other `sk`.
pub fn id_of_place(sk: &str) -> &str {
    sk.rsplit('#').next().unwrap_or_default()
}

/// One KPI definition.
pub fn kpi(tenant: TenantId, kpi: KpiId) -> Key {
    Key::new(format!("T#{tenant}#KPIS"), format!("ID#{kpi}"))
}

/// A KPI's place in the order of creation.
pub fn kpi_by_creation(tenant: TenantId, at: Timestamp, kpi: KpiId) -> Key {
    Key::new(format!("T#{tenant}#KPIS"), format!("AT#{}#{kpi}", at.sortable()))
}

/// A tenant's KPIs in order of creation.
pub fn kpis_by_creation(tenant: TenantId) -> Range {
    Range::prefix(format!("T#{tenant}#KPIS"), "AT#")
}

/// What is known of a KPI's whole series; also the lock that every ingest takes.
pub fn series_head(tenant: TenantId, kpi: KpiId) -> Key {
    Key::new(format!("T#{tenant}#KPI#{kpi}"), "HEAD")
}

/// The leaf of a series whose points start at `first`.
pub fn series_leaf(tenant: TenantId, kpi: KpiId, first: Timestamp) -> Key {
    Key::new(format!("T#{tenant}#KPI#{kpi}"), format!("P#{}", first.sortable()))
}

/// The leaves whose first instant lies in `[from, to]`.
pub fn series_leaves(tenant: TenantId, kpi: KpiId, from: Timestamp, to: Timestamp) -> Range {
    Range {
        pk: format!("T#{tenant}#KPI#{kpi}"),
        from: format!("P#{}", from.sortable()),
        to: format!("P#{}", to.sortable()),
    }
}

/// The place of the points of an instant among the leaves of a series, for cursors. A leaf may stand there.
pub fn point_of_place(sk: &str) -> Option<Timestamp> {
    Timestamp::from_sortable(sk.strip_prefix("P#")?)
}

/// One page of the points that a wide ingest has promised and not yet put into their leaves.
pub fn series_journal(tenant: TenantId, kpi: KpiId, page: usize) -> Key {
    Key::new(format!("T#{tenant}#KPI#{kpi}"), format!("J#{page:06}"))
}

/// The whole journal of a series.
pub fn series_journals(tenant: TenantId, kpi: KpiId) -> Range {
    Range::prefix(format!("T#{tenant}#KPI#{kpi}"), "J#")
}

/// The brief of a date.
pub fn brief(tenant: TenantId, date: Date) -> Key {
    Key::new(format!("T#{tenant}#BRIEFS"), date.to_string())
}

/// A tenant's briefs by date.
pub fn briefs(tenant: TenantId) -> Range {
    Range::whole(format!("T#{tenant}#BRIEFS"))
}

/// Everything used in a month: the counters that hard limits are conditions on.
pub fn usage(tenant: TenantId, period: BillingPeriod) -> Key {
    Key::new(format!("T#{tenant}#USAGE"), period.to_string())
}

/// The month of a row of usage.
pub fn period_of_usage(sk: &str) -> Option<BillingPeriod> {
    parse_date(&format!("{sk}-01")).map(BillingPeriod::containing)
}

/// The usage of all months of a tenant, oldest first.
pub fn usages(tenant: TenantId) -> Range {
    Range::whole(format!("T#{tenant}#USAGE"))
}

/// One ledger entry.
pub fn ledger_entry(tenant: TenantId, at: Timestamp, entry: EntryId) -> Key {
    Key::new(format!("T#{tenant}#LEDGER#{}", at.period()), format!("{}#{entry}", at.sortable()))
}

/// A month of the ledger, oldest first.
pub fn ledger(tenant: TenantId, period: BillingPeriod) -> Range {
    Range::whole(format!("T#{tenant}#LEDGER#{period}"))
}

/// The part of a month's ledger from an instant on, oldest first.
pub fn ledger_from(tenant: TenantId, period: BillingPeriod, from: Timestamp) -> Range {
    Range { from: from.sortable(), ..ledger(tenant, period) }
}

/// One change that concerns a tenant: by its own admins, or by the operator of the platform.
pub fn tenant_audit_entry(tenant: TenantId, at: Timestamp, entry: AuditEntryId) -> Key {
    Key::new(format!("T#{tenant}#AUDIT#{}", at.period()), format!("{}#{entry}", at.sortable()))
}

/// A month of a tenant's audit, oldest first.
pub fn tenant_audit(tenant: TenantId, period: BillingPeriod) -> Range {
    Range::whole(format!("T#{tenant}#AUDIT#{period}"))
}

/// One change made by the operator of the platform.
pub fn platform_audit_entry(at: Timestamp, entry: AuditEntryId) -> Key {
    Key::new(format!("AUDIT#{}", at.period()), format!("{}#{entry}", at.sortable()))
}

/// A month of the platform's audit, oldest first.
pub fn platform_audit(period: BillingPeriod) -> Range {
    Range::whole(format!("AUDIT#{period}"))
}

/// How a user wants to be notified. In order of the users' creation, because that is the order in which a run
/// notifies.
pub fn notification_prefs(tenant: TenantId, created_at: Timestamp, user: UserId) -> Key {
    Key::new(notification_prefs_by_creation(tenant).pk, format!("{}#{user}", created_at.sortable()))
}

/// The preferences of all users of a tenant that ever saved any, oldest user first.
pub fn notification_prefs_by_creation(tenant: TenantId) -> Range {
    Range::whole(format!("T#{tenant}#PREFS"))
}

/// One notification of a user. Sorted by id; the largest is [`MAX_NOTIFICATION_ID`].
pub fn notification(tenant: TenantId, user: UserId, id: u64) -> Key {
    Key::new(outbox(tenant, user).pk, format!("N#{id:016}"))
}

/// The notifications of a user, oldest first.
pub fn outbox(tenant: TenantId, user: UserId) -> Range {
    Range::prefix(format!("T#{tenant}#OUTBOX#{user}"), "N#")
}

/// The largest id of a notification: sixteen digits, and the last integer that every reader of JSON keeps exactly.
pub const MAX_NOTIFICATION_ID: u64 = (1 << 53) - 1;

/// The mark that a user has its notification of a type and date: there is never a second one.
pub fn notified_once(tenant: TenantId, user: UserId, notification_type: &str, date: Date) -> Key {
    Key::new(outbox(tenant, user).pk, format!("ONCE#{notification_type}#{date}"))
}

/// What all notifications of a type and date say: one row, however many users have one.
pub fn notice(tenant: TenantId, notification_type: &str, date: Date) -> Key {
    Key::new(format!("T#{tenant}#NOTICES"), format!("{notification_type}#{date}"))
}

/// One run of the daily-brief job; `run` stands for endpoint and idempotency key.
pub fn run(tenant: TenantId, run: &str) -> Key {
    Key::new(format!("T#{tenant}#RUNS"), run)
}

/// Whoever put this row may make ids of notifications from this moment, a sixteenth of a millisecond (counted from
/// 1970).
pub fn notification_ids(moment: u64) -> Key {
    Key::new(format!("NOTIFICATION_IDS#{moment}"), "TAKEN")
}

/// One conversation of a user. Nobody else's partition is this one, so nobody else finds it.
pub fn conversation(tenant: TenantId, user: UserId, conversation: ConversationId) -> Key {
    Key::new(format!("T#{tenant}#CHATS#{user}"), format!("ID#{conversation}"))
}

/// A conversation's place in the order of creation.
pub fn conversation_by_creation(
    tenant: TenantId,
    user: UserId,
    at: Timestamp,
    conversation: ConversationId,
) -> Key {
    Key::new(format!("T#{tenant}#CHATS#{user}"), format!("AT#{}#{conversation}", at.sortable()))
}

/// A user's conversations in order of creation.
pub fn conversations_by_creation(tenant: TenantId, user: UserId) -> Range {
    Range::prefix(format!("T#{tenant}#CHATS#{user}"), "AT#")
}

/// A question with its answer; `question` makes the place of two at the same instant different.
pub fn exchange(tenant: TenantId, conversation: ConversationId, at: Timestamp, question: MessageId) -> Key {
    Key::new(exchanges(tenant, conversation).pk, format!("{}#{question}", at.sortable()))
}

/// All exchanges of a conversation, oldest first.
pub fn exchanges(tenant: TenantId, conversation: ConversationId) -> Range {
    Range::whole(format!("T#{tenant}#CHAT#{conversation}"))
}

/// What was answered under an idempotency key; `hash` stands for endpoint and key.
pub fn idempotency(tenant: TenantId, hash: &str) -> Key {
    Key::new(format!("T#{tenant}#IDEM#{hash}"), "RECORD")
}

/// The tenant whose idempotency record stands in this partition; `None` for every other partition.
pub fn tenant_of_idempotency(pk: &str) -> Option<TenantId> {
    let (tenant, _) = pk.strip_prefix("T#")?.split_once("#IDEM#")?;
    TenantId::parse(tenant)
}

/// The same for a sign-up, which happens outside of any tenant.
pub fn signup_idempotency(hash: &str) -> Key {
    Key::new(format!("IDEM#{hash}"), "RECORD")
}

/// One piece of a text that is too large for the row it belongs to.
pub fn text_piece(tenant: TenantId, id: &str, piece: usize) -> Key {
    Key::new(format!("T#{tenant}#TEXT#{id}"), format!("{piece:06}"))
}

/// All pieces of such a text.
pub fn text_pieces(tenant: TenantId, id: &str) -> Range {
    Range::whole(format!("T#{tenant}#TEXT#{id}"))
}

/// How many sign-ups an address made in a minute (`minute` counts from 1970).
pub fn signups(address: &str, minute: i64) -> Key {
    Key::new(format!("SIGNUPS#{address}"), minute.to_string())
}

/// One metered event of the catalogue.
pub fn metered_event(event_key: &str) -> Key {
    Key::new("CATALOGUE", format!("EVENT#{event_key}"))
}

/// One plan of the catalogue.
pub fn plan(plan_id: &str) -> Key {
    Key::new("CATALOGUE", format!("PLAN#{plan_id}"))
}

/// The mark that the catalogue was seeded: what an administrator removes later stays removed.
pub fn catalogue_seeded() -> Key {
    Key::new("CATALOGUE", "SEEDED")
}

/// The order in which the store gives out the whole table, for cursors. No row stands here.
pub fn everything() -> Range {
    Range::whole("EVERYTHING".to_owned())
}

/// The place of a row in [`everything`].
pub fn anywhere(row: &Key) -> Key {
    Key::new(everything().pk, format!("{}|{}", row.pk, row.sk))
}

/// The row at a place of [`everything`].
pub fn row_anywhere(sk: &str) -> Option<Key> {
    sk.split_once('|').map(|(pk, sk)| Key::new(pk, sk))
}

/// The whole catalogue.
pub fn catalogue() -> Range {
    Range::whole("CATALOGUE".to_owned())
}
