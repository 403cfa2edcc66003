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
//! | tenant of an API key | `K#<hash>` | `OWNER` | get: authenticate by the key alone |
//! | lock of a tenant's API keys | `T#<tenant>` | `KEYRING` | get: every change of the keys |
//! | user in order of creation | `T#<tenant>#USERS` | `<instant>#<user>` | query: a tenant's users, oldest first, or newest first: console |
//! | owner of a user id | `U#<user>` | `OWNER` | batch: authenticate (tells a stranger's user from none) |
//! | tenant in order of creation | `TENANTS#<first hex digit of the tenant>` | `<instant>#<tenant>` | 16 queries: all tenants |
//! | schedule of a tenant's daily brief | `SCHEDULES#<first hex digit of the tenant>` | `<tenant>` | get: show, set, run; 16 queries: who is due |
//! | KPI | `T#<tenant>#KPIS` | `ID#<kpi>` | get: one definition |
//! | KPI in order of creation | `T#<tenant>#KPIS` | `AT#<instant>#<kpi>` | query: list, brief |
//! | head of a KPI's series | `T#<tenant>#KPI#<kpi>` | `HEAD` | get: latest point; lock of every ingest |
//! | leaf of a KPI's series | `T#<tenant>#KPI#<kpi>` | `P#<first instant>` | query by range: ingest, brief, summary |
//! | journal of a wide ingest | `T#<tenant>#KPI#<kpi>` | `J#<page>` | query by prefix: roll forward |
//! | brief | `T#<tenant>#BRIEFS` | `<date>` | get: by date; query, newest first: latest, console |
//! | usage of a month | `T#<tenant>#USAGE` | `<yyyy-mm>` | get: admission, usage; query, newest first: console |
//! | ledger entry | `T#<tenant>#LEDGER#<yyyy-mm>` | `<instant>#<entry>` | query, newest first: ledger |
//! | entries of a lease that is over | `T#<tenant>#LEASED#<yyyy-mm>` | `<newest instant>#<lease>` | query, newest first: ledger |
//! | lease of a process | `T#<tenant>#HOLDS` | `#<instant of its end>#<lease>` | query with the holds of turns |
//! | entry of a lease, mark of its end | `T#<tenant>#LEASE#<lease>` | `<number>` | query: its end; get: whether an answer counts |
//! | lease that was not settled yet, in 16 partitions | `LEASES#<0-f>` | `<instant of its end>#<tenant>#<lease>` | query: those left behind |
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
//! | webhook endpoint of a tenant | `T#<tenant>#WEBHOOK` | `ENDPOINT` | get: show, change; batch: the job, every delivery |
//! | failures of a webhook endpoint | `T#<tenant>#WEBHOOK` | `HEALTH` | batch: show, every delivery |
//! | delivery to a webhook endpoint | `T#<tenant>#DELIVERIES` | `<id>` | query, newest first: log; get: one, attempt |
//! | attempt of a delivery | `T#<tenant>#DELIVERY#<id>` | `<attempt>` | query: one delivery |
//! | notifications of a chunk that no delivery was made of yet | `PENDING#<0-f>` | `<instant>#<tenant>#<moment>` | get: dispatch; 16 queries, oldest first: sweep |
//! | delivery that is not done with | `DUE#<0-f>` | `<due instant>#<tenant>#<id>` | 16 queries, oldest first: sweep |
//! | conversation of a user | `T#<tenant>#CHATS#<user>` | `ID#<conversation>` | get: one conversation; condition of every chat |
//! | conversation in order of creation | `T#<tenant>#CHATS#<user>` | `AT#<instant>#<conversation>` | query, newest first: list |
//! | question and answer of a conversation | `T#<tenant>#CHAT#<conversation>` | `<instant>#<message>` | query: messages, oldest first, or newest first: console |
//! | what a subject did in a bundle and is doing | `T#<tenant>#TALLIES#<project>` | `<user>#<bundle>#<session>` | get: every turn of the subject; query by prefix: all bundles of a user |
//! | what a provider cost in a bundle, or in all (`*`) | `T#<tenant>#SPEND#<project>` | `<bundle>#<provider>` | batch: every turn that uses it |
//! | turn | `T#<tenant>#TURNS` | `<turn>` | get: settle, cancel, heartbeat, show |
//! | settings of a tenant's turns | `T#<tenant>` | `TURN_SETTINGS` | batch: every new turn |
//! | what a turn holds of its tenant's plan | `T#<tenant>#HOLDS` | `<instant of its end>#<turn>` | batch: settle, cancel, heartbeat; query, oldest first: what is over |
//! | a commit was counted | `T#<tenant>#COMMITS#<hash>` | `COUNTED` | refuses the same commit again |
//! | quota policy of a kind of user in a bundle | `T#<tenant>#POLICIES#<project>` | `Q#<kind of user>#<bundle>` | batch: every turn; query by prefix: list |
//! | budget policy of a provider in a bundle | `T#<tenant>#POLICIES#<project>` | `B#<bundle>#<provider>` | query by prefix: list |
//! | all budgets of a bundle that hold | `T#<tenant>#POLICIES#<project>` | `C#<bundle>` | batch: every turn |
//! | how many policies a project has | `T#<tenant>#POLICIES#<project>` | `COUNTS` | the condition of a new one |
//! | credit grant | `T#<tenant>#GRANTS#<project>` | `<instant>#<grant>` | query, newest first: list of a project; batch: lists by other orders |
//! | credit grant of a user | `T#<tenant>#GRANTS_OF#<project>` | `<user>#<instant>#<grant>` | query, newest first: list of a user with what is over |
//! | grants of a user that may hold | `T#<tenant>#LIVE_GRANTS#<project>` | `<user>` | get: every turn; lock of every grant |
//! | credit grant in order of its end | `T#<tenant>#GRANT_ENDS#<project>` | `E#<instant>#<grant>`, `N#<instant>#<grant>` without an end | query: what holds, what ends soon, what is over |
//! | what was paid for grants in a month | `T#<tenant>#REVENUE#<project>` | `<yyyy-mm>` | query: revenue |
//! | a payment was granted | `PAYMENT#<payment>` | `GRANTED` | refuses the same payment again |
//! | delivery of a payment event | `T#<tenant>#PAYMENT_EVENTS`; of no tenant `PAYMENT_EVENTS` | `<instant>-<id>` | query, newest first: list; get: replay |
//! | metered event | `CATALOGUE` | `EVENT#<event>` | query: the whole catalogue |
//! | plan with capabilities and caps | `CATALOGUE` | `PLAN#<plan>` | query: the whole catalogue |
//! | the catalogue was seeded | `CATALOGUE` | `SEEDED` | query: the whole catalogue |

use bespin_primitives::{
    AuditEntryId, BillingPeriod, ConversationId, Date, EntryId, GrantId, KpiId, LeaseId, MessageId, TenantId,
    Timestamp, TurnId, UserId, parse_date,
};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

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

/// A run of nothing: where it is described what a cursor is, and nobody is there whose rows it could lead to.
pub fn nowhere() -> Range {
    Range::whole(String::new())
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

/// Which tenant an API key belongs to, by the hash of the key. No tenant's partition, because whoever shows nothing but
/// a key names no tenant.
pub fn api_key_owner(hash: &str) -> Key {
    Key::new(format!("K#{hash}"), "OWNER")
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

/// The entries of a lease that is over: those of a month, in order of the newest one of each.
pub fn leased_entries(tenant: TenantId, newest: Timestamp, lease: LeaseId) -> Key {
    Key::new(leased_ledger(tenant, newest.period()).pk, format!("{}#{lease}", newest.sortable()))
}

/// The part of a month's ledger that was made under leases, oldest first.
pub fn leased_ledger(tenant: TenantId, period: BillingPeriod) -> Range {
    Range::whole(format!("T#{tenant}#LEASED#{period}"))
}

/// What of it can hold entries between two instants, when none lies more than `span` seconds before the newest one of its
/// lease.
pub fn leased_ledger_within(
    tenant: TenantId,
    period: BillingPeriod,
    (from, to): (Timestamp, Timestamp),
    span: i64,
) -> Range {
    Range {
        from: from.sortable(),
        to: format!("{}~", to.plus_seconds(span).sortable()),
        ..leased_ledger(tenant, period)
    }
}

/// The instant at which a ledger entry or the like stands in the order of its partition.
pub fn instant_of_place(sk: &str) -> Option<Timestamp> {
    Timestamp::from_sortable(sk.split('#').next()?)
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

/// Where a tenant's notifications go besides its users' outboxes.
pub fn webhook(tenant: TenantId) -> Key {
    Key::new(format!("T#{tenant}#WEBHOOK"), "ENDPOINT")
}

/// That a tenant's endpoint fails; no row while it does not.
pub fn webhook_health(tenant: TenantId) -> Key {
    Key::new(format!("T#{tenant}#WEBHOOK"), "HEALTH")
}

/// One delivery to a tenant's endpoint. Sorted by id, which grows with time.
pub fn delivery(tenant: TenantId, id: u64) -> Key {
    Key::new(deliveries(tenant).pk, format!("{id:016}"))
}

/// The deliveries of a tenant, oldest first.
pub fn deliveries(tenant: TenantId) -> Range {
    Range::whole(format!("T#{tenant}#DELIVERIES"))
}

/// One attempt of a delivery, counted from 1.
pub fn delivery_attempt(tenant: TenantId, id: u64, attempt: u32) -> Key {
    Key::new(delivery_attempts(tenant, id).pk, format!("{attempt:06}"))
}

/// The attempts of a delivery, oldest first.
pub fn delivery_attempts(tenant: TenantId, id: u64) -> Range {
    Range::whole(format!("T#{tenant}#DELIVERY#{id:016}"))
}

/// The notifications that were made at an instant and have their ids from `moment`. Sixteen partitions, so that no one
/// of them takes every chunk, however large the tenant is.
pub fn outgoing(at: Timestamp, tenant: TenantId, moment: u64) -> Key {
    Key::new(format!("PENDING#{:x}", moment % 16), format!("{}#{tenant}#{moment:016}", at.sortable()))
}

/// The sixteen partitions of all that waits to become deliveries since before an instant, each oldest first.
pub fn outgoing_before(instant: Timestamp) -> [Range; 16] {
    std::array::from_fn(|digit| before(format!("PENDING#{digit:x}"), instant))
}

/// The mark that a delivery is not done with, in order of the instant at which something is due.
pub fn due_delivery(due_at: Timestamp, tenant: TenantId, id: u64) -> Key {
    Key::new(format!("DUE#{:x}", id % 16), format!("{}#{tenant}#{id:016}", due_at.sortable()))
}

/// The sixteen partitions of all deliveries that were due before an instant, each oldest first.
pub fn due_deliveries_before(instant: Timestamp) -> [Range; 16] {
    std::array::from_fn(|digit| before(format!("DUE#{digit:x}"), instant))
}

/// The rows of a partition whose instant is before this one: what follows it sorts behind the bare instant.
fn before(pk: String, instant: Timestamp) -> Range {
    Range { pk, from: " ".to_owned(), to: instant.sortable() }
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

/// A name that a tenant gave, as it stands in keys: a short one of plain characters as it is, any other by its hash, so
/// that no name can reach into another's key or beyond what a key may hold.
fn named(name: &str) -> String {
    let is_plain =
        name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@*-".contains(&byte));
    if is_plain { format!("={name}") } else { format!("!{}", hashed(&[name])) }
}

/// Thirty-two hexadecimal digits that stand for several texts.
fn hashed(texts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.len().to_be_bytes());
        digest.update(text);
    }
    HEXLOWER.encode(&digest.finalize()[..16])
}

/// What one subject did in one bundle of a project, and what its running turns hold.
pub fn tally(tenant: TenantId, project: &str, user: &str, bundle: &str, session: Option<&str>) -> Key {
    let session = session.map(named).unwrap_or_default();
    let user = tallies_of(tenant, project, user);
    Key::new(user.pk, format!("{}{}#{session}", user.from, named(bundle)))
}

/// What one user did in all bundles and sessions of a project.
pub fn tallies_of(tenant: TenantId, project: &str, user: &str) -> Range {
    Range::prefix(format!("T#{tenant}#TALLIES#{}", named(project)), &format!("{}#", named(user)))
}

/// What one provider cost in one bundle of a project, or in all of them where the bundle is `*`.
pub fn spend(tenant: TenantId, project: &str, bundle: &str, provider: &str) -> Key {
    let pk = format!("T#{tenant}#SPEND#{}", named(project));
    Key::new(pk, format!("{}#{}", named(bundle), named(provider)))
}

/// One turn of a user of the tenant's own product.
pub fn turn(tenant: TenantId, turn: TurnId) -> Key {
    Key::new(format!("T#{tenant}#TURNS"), turn.to_string())
}

/// What a turn that ends then holds of its tenant's plan.
pub fn hold(tenant: TenantId, until: Timestamp, turn: TurnId) -> Key {
    Key::new(holds_over_at(tenant, until).pk, format!("{}#{turn}", until.sortable()))
}

/// A part of a tenant's plan that a process spends by itself until then. Before all that turns hold, so that one query
/// finds both.
pub fn lease(tenant: TenantId, until: Timestamp, lease: LeaseId) -> Key {
    Key::new(holds_over_at(tenant, until).pk, format!("{LEASE}{}#{lease}", until.sortable()))
}

const LEASE: &str = "#";

/// Whether a row that is held is a lease; else a turn holds it.
pub fn is_lease(sk: &str) -> bool {
    sk.starts_with(LEASE)
}

/// One entry of a lease, counted from 0; or the mark that ends it, behind the last entry.
pub fn lease_entry(tenant: TenantId, lease: LeaseId, number: u64) -> Key {
    Key::new(lease_journal(tenant, lease).pk, format!("{number:06}"))
}

/// All entries of a lease, in order.
pub fn lease_journal(tenant: TenantId, lease: LeaseId) -> Range {
    Range::whole(format!("T#{tenant}#LEASE#{lease}"))
}

/// The mark that a lease was not settled yet. Sixteen partitions, not the tenant's own: those that a process left behind
/// are looked for in all tenants.
pub fn open_lease(tenant: TenantId, until: Timestamp, lease: LeaseId) -> Key {
    let digit = &lease.to_string()[..1];
    Key::new(format!("LEASES#{digit}"), format!("{}#{tenant}#{lease}", until.sortable()))
}

/// The sixteen partitions of all leases that were over before an instant, each oldest first.
pub fn leases_over_before(instant: Timestamp) -> [Range; 16] {
    std::array::from_fn(|digit| before(format!("LEASES#{digit:x}"), instant))
}

/// All leases of a tenant, and what its turns held until a moment or earlier, oldest first.
pub fn holds_over_at(tenant: TenantId, moment: Timestamp) -> Range {
    Range { pk: format!("T#{tenant}#HOLDS"), from: " ".to_owned(), to: format!("{}~", moment.sortable()) }
}

/// What a tenant sets for all its turns.
pub fn turn_settings(tenant: TenantId) -> Key {
    Key::new(format!("T#{tenant}"), "TURN_SETTINGS")
}

/// The mark that a commit was counted; `texts` tell it from all others of the tenant.
pub fn commit(tenant: TenantId, texts: &[&str]) -> Key {
    Key::new(format!("T#{tenant}#COMMITS#{}", hashed(texts)), "COUNTED")
}

/// The quota policy of one kind of user in one bundle of a project, or in all of them where the bundle is `*`.
pub fn quota_policy(tenant: TenantId, project: &str, user_type: &str, bundle: &str) -> Key {
    let policies = quota_policies(tenant, project);
    Key::new(policies.pk, format!("Q#{}#{}", named(user_type), named(bundle)))
}

/// All quota policies of a project.
pub fn quota_policies(tenant: TenantId, project: &str) -> Range {
    Range::prefix(policies(tenant, project), "Q#")
}

/// The budget policy of one provider in one bundle of a project, or in all of them where the bundle is `*`.
pub fn budget_policy(tenant: TenantId, project: &str, bundle: &str, provider: &str) -> Key {
    Key::new(policies(tenant, project), format!("B#{}#{}", named(bundle), named(provider)))
}

/// All budget policies of a project.
pub fn budget_policies(tenant: TenantId, project: &str) -> Range {
    Range::prefix(policies(tenant, project), "B#")
}

/// All budgets of one bundle that hold, in one row, so that a turn reads them with its quota policies at once.
pub fn bundle_ceilings(tenant: TenantId, project: &str, bundle: &str) -> Key {
    Key::new(policies(tenant, project), format!("C#{}", named(bundle)))
}

/// How many policies of each kind a project has.
pub fn policy_counts(tenant: TenantId, project: &str) -> Key {
    Key::new(policies(tenant, project), "COUNTS")
}

fn policies(tenant: TenantId, project: &str) -> String {
    format!("T#{tenant}#POLICIES#{}", named(project))
}

/// One credit grant.
pub fn grant(tenant: TenantId, project: &str, at: Timestamp, grant: GrantId) -> Key {
    Key::new(grants(tenant, project).pk, format!("{}#{grant}", at.sortable()))
}

/// The credit grants of a project, oldest first.
pub fn grants(tenant: TenantId, project: &str) -> Range {
    Range::whole(format!("T#{tenant}#GRANTS#{}", named(project)))
}

/// One credit grant beside the others of its user.
pub fn grant_of_user(tenant: TenantId, project: &str, user: &str, at: Timestamp, grant: GrantId) -> Key {
    let of_user = grants_of_user(tenant, project, user);
    Key::new(of_user.pk, format!("{}{}#{grant}", of_user.from, at.sortable()))
}

/// The credit grants of a user, oldest first.
pub fn grants_of_user(tenant: TenantId, project: &str, user: &str) -> Range {
    Range::prefix(format!("T#{tenant}#GRANTS_OF#{}", named(project)), &format!("{}#", named(user)))
}

/// Every grant of a user that may still hold.
pub fn live_grants(tenant: TenantId, project: &str, user: &str) -> Key {
    Key::new(format!("T#{tenant}#LIVE_GRANTS#{}", named(project)), named(user))
}

/// One credit grant by its end. Those without one stand behind all others, in order of creation.
pub fn grant_end(
    tenant: TenantId,
    project: &str,
    end: Option<Timestamp>,
    created_at: Timestamp,
    grant: GrantId,
) -> Key {
    let place = match end {
        Some(end) => format!("E#{}", end.sortable()),
        None => format!("N#{}", created_at.sortable()),
    };
    Key::new(grant_ends(tenant, project).pk, format!("{place}#{grant}"))
}

/// The credit grants of a project by their ends, those without one last.
pub fn grant_ends(tenant: TenantId, project: &str) -> Range {
    Range::whole(format!("T#{tenant}#GRANT_ENDS#{}", named(project)))
}

/// The grants that have no end or one later than `now`.
pub fn grant_ends_after(tenant: TenantId, project: &str, now: Timestamp) -> Range {
    // Behind every end at `now` itself: `~` sorts after the `#` that leads to the grant.
    Range { from: format!("E#{}~", now.sortable()), ..grant_ends(tenant, project) }
}

/// The grants that end between two instants, neither of them included.
pub fn grant_ends_between(tenant: TenantId, project: &str, now: Timestamp, end: Timestamp) -> Range {
    Range { to: format!("E#{}", end.sortable()), ..grant_ends_after(tenant, project, now) }
}

/// The grants whose end was at `now` or before.
pub fn grant_ends_until(tenant: TenantId, project: &str, now: Timestamp) -> Range {
    Range { from: "E#".to_owned(), to: format!("E#{}~", now.sortable()), ..grant_ends(tenant, project) }
}

/// What was paid for the grants of a project in a month, and paid back.
pub fn revenue(tenant: TenantId, project: &str, period: BillingPeriod) -> Key {
    Key::new(revenues(tenant, project).pk, period.to_string())
}

/// The revenue of all months of a project, oldest first.
pub fn revenues(tenant: TenantId, project: &str) -> Range {
    Range::whole(format!("T#{tenant}#REVENUE#{}", named(project)))
}

/// The revenue of the months from one to another, both included; without one from the first, or to the last.
pub fn revenues_between(
    tenant: TenantId,
    project: &str,
    from: Option<BillingPeriod>,
    to: Option<BillingPeriod>,
) -> Range {
    let all = revenues(tenant, project);
    let text = |month: BillingPeriod| month.to_string();
    Range { from: from.map_or(all.from, text), to: to.map_or(all.to, text), pk: all.pk }
}

/// The mark that a payment was granted. Of no tenant: a payment that names another tenant is still the same one.
pub fn granted_payment(payment: &str) -> Key {
    Key::new(format!("PAYMENT#{}", named(payment)), "GRANTED")
}

/// One delivery of a payment event; `id` begins with its instant.
pub fn payment_delivery(tenant: Option<TenantId>, id: &str) -> Key {
    Key::new(payment_deliveries(tenant).pk, id)
}

/// The deliveries of payment events of a tenant, or of those that belong to none, oldest first.
pub fn payment_deliveries(tenant: Option<TenantId>) -> Range {
    Range::whole(
        tenant.map_or_else(|| "PAYMENT_EVENTS".to_owned(), |tenant| format!("T#{tenant}#PAYMENT_EVENTS")),
    )
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
