//! A proof finds what is wrong, names it, and finds nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use bespin_access::{Access, Action, Tenant, TenantAccess};
use bespin_metering::{Charge, Counter, LedgerEntry, MeteredEvent, Posting, post};
use bespin_primitives::{Clock, Credits, EntryId, PricePerCredit, RequestId, Timestamp};
use bespin_proof::{Prover, TenantProof};
use bespin_table::{Change, Condition, Item, Key, Query, Row, Slot, Transaction, keys};
use bespin_testing::{Store, at, credentials};

const TOOL: MeteredEvent = MeteredEvent::ToolInvocation;

fn now() -> Timestamp {
    at("2026-02-10T12:00:00Z")
}

/// One tenant in a store.
struct Ledger {
    store: Store,
    access: TenantAccess,
}

impl Ledger {
    async fn of_new_tenant(store: &Store, access: &Access) -> Self {
        let founded = store.found(access).await;
        let caller =
            access.authenticate(&credentials(&founded, &founded.api_key), store.clock.now()).await.unwrap();
        Self { store: store.clone(), access: caller.authorise(Action::ReadKpis).unwrap() }
    }

    async fn open() -> Self {
        let store = Store::open().await;
        let access = store.access();
        Self::of_new_tenant(&store, &access).await
    }

    fn tenant(&self) -> &Tenant {
        self.access.tenant()
    }

    async fn post(&self, event: MeteredEvent, raw_units: u64, when: &str) {
        let credits = Credits::from_micros(333_333).checked_mul(raw_units).unwrap();
        let list_cost = credits.priced(PricePerCredit::from_micros(15_001));
        let posting = Posting {
            charge: Charge { event, raw_units, credits, list_cost },
            request_id: RequestId::random(&*self.store.random),
            tool_name: None,
            action: None,
            at: at(when),
        };
        let mut transaction = Transaction::new();
        post(&mut transaction, &self.access, &posting, &[], &*self.store.random);
        self.store.table.commit(transaction).await.unwrap();
    }

    /// A month in which something happened: three tool calls, the last with two units.
    async fn with_three_calls(self) -> Self {
        self.post(TOOL, 1, "2026-02-03T10:00:00Z").await;
        self.post(TOOL, 1, "2026-02-04T10:00:00Z").await;
        self.post(TOOL, 2, "2026-02-04T11:00:00Z").await;
        self
    }

    async fn last_entry(&self) -> Item {
        let range = keys::ledger(self.tenant().id, now().period());
        let page = self.store.table.query(Query::of(range).newest_first().limit(1)).await.unwrap();
        page.items[0].clone()
    }

    async fn write(&self, fill: impl FnOnce(&mut Transaction) -> Slot) {
        let mut transaction = Transaction::new();
        fill(&mut transaction);
        self.store.table.commit(transaction).await.unwrap();
    }

    async fn put(&self, entry: &LedgerEntry, key: Key) {
        self.write(|write| write.put(entry.at(key), Condition::absent())).await;
    }

    fn prover(&self) -> Prover {
        Prover::new(self.store.table.clone())
    }

    async fn proof(&self) -> TenantProof {
        self.prover().tenant(self.tenant(), now(), &|_| ()).await.unwrap()
    }

    /// What does not agree, one line each.
    async fn differences(&self) -> Vec<String> {
        let proof = self.proof().await;
        assert_eq!(proof.differing, proof.differences.len());
        proof.differences.iter().map(ToString::to_string).collect()
    }
}

#[tokio::test]
async fn what_was_only_posted_agrees_over_all_events_days_and_months() {
    let ledger = Ledger::open().await;
    let days = [
        "2025-11-30T23:59:59.999999Z",
        "2025-12-01T00:00:00Z",
        "2026-02-01T00:00:00Z",
        "2028-02-29T12:00:00Z",
    ];
    for (number, event) in MeteredEvent::ALL.into_iter().enumerate() {
        for day in days {
            ledger.post(event, number as u64 + 1, day).await;
            ledger.post(event, 1_000, day).await;
        }
    }

    let proof = ledger.proof().await;

    assert_eq!(proof.differences, []);
    let months: Vec<String> =
        proof.months.iter().map(|(period, entries)| format!("{period} {entries}")).collect();
    assert_eq!(months, ["2025-11 12", "2025-12 12", "2026-02 12", "2028-02 12"], "also the far ones");
    assert_eq!(proof.entries(), 48);
}

#[tokio::test]
async fn a_missing_entry_is_found() {
    let ledger = Ledger::open().await.with_three_calls().await;
    let entry = ledger.last_entry().await;

    ledger.write(|write| write.delete(entry.key(), Condition::present())).await;

    assert_eq!(
        ledger.differences().await,
        [
            "2026-02 units of tool_invocation on 2026-02-04: the counter says 3, the ledger 1",
            "2026-02 micro-credits: the counter says 1333332, the ledger 666666",
            "2026-02 micro-credits of tool_invocation: the counter says 1333332, the ledger 666666",
            "2026-02 list cost in picodollars of tool_invocation: the counter says 20001313332, the ledger 10000656666",
            "2026-02 units of tool_invocation: the counter says 4, the ledger 2",
        ]
    );
}

#[tokio::test]
async fn an_edited_counter_is_found() {
    let ledger = Ledger::open().await.with_three_calls().await;

    let counters = keys::usage(ledger.tenant().id, now().period());
    let less = Change::default().set(&Counter::Credits.attribute(), &1_333_331u64);
    ledger.write(|write| write.update(counters.clone(), less, Condition::present())).await;

    assert_eq!(
        ledger.differences().await,
        ["2026-02 micro-credits: the counter says 1333331, the ledger 1333332"]
    );
    let strange = Change::default().set(&Counter::Credits.attribute(), &"many".to_owned()).set("zz", &7u64);
    ledger.write(|write| write.update(counters, strange, Condition::present())).await;
    let found = ledger.differences().await;
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].contains("attribute credits is missing or of another type"), "{found:#?}");
    assert!(
        found.iter().any(|line| line.contains("the unknown counter 'zz': the counter says 7, the ledger 0"))
    );
}

#[tokio::test]
async fn a_removed_row_of_counters_is_found() {
    let ledger = Ledger::open().await.with_three_calls().await;

    let counters = keys::usage(ledger.tenant().id, now().period());
    ledger.write(|write| write.delete(counters, Condition::present())).await;

    assert_eq!(ledger.differences().await.len(), 6, "each counter is none now, two of them of days");
}

#[tokio::test]
async fn a_doubled_entry_is_found_under_a_new_id_and_under_a_new_place() {
    let ledger = Ledger::open().await.with_three_calls().await;
    let entry = LedgerEntry::read(&ledger.last_entry().await).unwrap();

    let id = EntryId::random(&*ledger.store.random);
    let double = LedgerEntry { id, ..entry.clone() };
    ledger.put(&double, keys::ledger_entry(ledger.tenant().id, entry.created_at, id)).await;

    let [line] = &ledger.differences().await[..] else { panic!("one double, one line") };
    let one_of_both = [entry.id, id].map(|id| {
        let request_id = entry.request_id;
        format!("2026-02 entry {id} doubles another one of tool_invocation of request {request_id}")
    });
    assert!(one_of_both.contains(line), "{line}");

    let ledger = Ledger::open().await.with_three_calls().await;
    let entry = LedgerEntry::read(&ledger.last_entry().await).unwrap();
    let elsewhere = keys::ledger_entry(ledger.tenant().id, at("2026-02-05T00:00:00Z"), entry.id);
    ledger.put(&entry, elsewhere).await;
    let found = ledger.differences().await;
    assert!(found[0].contains("doubles another one") || found[0].contains("is not its place"), "{found:#?}");
}

#[tokio::test]
async fn an_entry_of_another_tenant_is_found_where_it_lies_and_nowhere_else() {
    let store = Store::open().await;
    let access = store.access();
    let one = Ledger::of_new_tenant(&store, &access).await.with_three_calls().await;
    let other = Ledger::of_new_tenant(&store, &access).await.with_three_calls().await;
    let entry = LedgerEntry::read(&other.last_entry().await).unwrap();

    one.put(&entry, keys::ledger_entry(one.tenant().id, entry.created_at, entry.id)).await;

    let owner = other.tenant().id;
    assert_eq!(
        one.differences().await,
        [format!("2026-02 entry {} is of another tenant, {owner}", entry.id)]
    );
    assert_eq!(other.differences().await, Vec::<String>::new());
    let mut found = Vec::new();
    let prover = one.prover();
    prover.all(now(), |tenant, proof| found.push((tenant.id, proof.differing)), &|_| ()).await.unwrap();
    found.sort_by_key(|(_, differing)| *differing);
    assert_eq!(found, [(other.tenant().id, 0), (one.tenant().id, 1)]);
    assert_eq!(prover.count_tenants().await.unwrap(), 2);
}

#[tokio::test]
async fn an_entry_in_the_wrong_period_is_found_even_where_that_month_has_no_counters() {
    let ledger = Ledger::open().await.with_three_calls().await;
    let mut entry = LedgerEntry::read(&ledger.last_entry().await).unwrap();
    let place = keys::ledger_entry(ledger.tenant().id, at("2026-01-31T10:00:00Z"), entry.id);

    entry.request_id = RequestId::random(&*ledger.store.random);
    ledger.put(&entry, place).await;

    assert_eq!(
        ledger.differences().await,
        [format!("2026-01 entry {} is of another period, 2026-02", entry.id)]
    );
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_told_and_the_rest_is_still_proved() {
    let ledger = Ledger::open().await.with_three_calls().await;

    let key = keys::ledger_entry(
        ledger.tenant().id,
        at("2026-02-01T00:00:00Z"),
        EntryId::random(&*ledger.store.random),
    );
    ledger.write(|write| write.put(Item::new(key), Condition::absent())).await;

    let found = ledger.differences().await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("2026-02 cannot be read: item T#"), "{found:#?}");
}

#[tokio::test]
async fn a_ledger_of_many_pages_is_read_page_by_page() {
    let ledger = Ledger::open().await;
    ledger.post(TOOL, 1, "2026-02-03T00:00:00Z").await;
    let model = LedgerEntry::read(&ledger.last_entry().await).unwrap();
    let copies = 4_000;
    for batch in 0..copies / 100 {
        let mut write = Transaction::new();
        for number in 0..100 {
            let mut entry = model.clone();
            entry.id = EntryId::random(&*ledger.store.random);
            entry.request_id = RequestId::random(&*ledger.store.random);
            entry.created_at = model.created_at.plus_seconds(batch * 100 + number);
            let key = keys::ledger_entry(entry.tenant_id, entry.created_at, entry.id);
            write.put(entry.at(key), Condition::absent());
        }
        ledger.store.table.commit(write).await.unwrap();
    }
    let (pages, read) = (AtomicU64::new(0), AtomicU64::new(0));
    let note = |entries| {
        pages.fetch_add(u64::from(entries > 0), Ordering::Relaxed);
        read.fetch_add(entries, Ordering::Relaxed);
    };

    let proof = ledger.prover().tenant(ledger.tenant(), now(), &note).await.unwrap();

    assert_eq!(read.into_inner(), 4_001);
    assert!(pages.into_inner() > 1, "more than the store gives at a time");
    let first = proof
        .differences
        .iter()
        .map(ToString::to_string)
        .find(|line| line.contains("units of tool_invocation:"));
    let expected = "2026-02 units of tool_invocation: the counter says 1, the ledger 4001";
    assert_eq!(first.as_deref(), Some(expected));
}

#[tokio::test]
async fn a_tenant_at_work_gives_no_false_alarm() {
    let ledger = Ledger::open().await.with_three_calls().await;
    let work = async {
        for number in 0..60 {
            ledger.post(TOOL, number % 3, "2026-02-10T11:00:00Z").await;
        }
    };
    let proofs = async {
        let mut lengths = BTreeSet::new();
        while lengths.last() < Some(&63) {
            let proof = ledger.proof().await;
            assert_eq!(proof.differences, []);
            lengths.insert(proof.entries());
        }
        lengths
    };

    let ((), lengths) = futures::join!(work, proofs);

    assert!(lengths.len() > 3, "the ledger grew from proof to proof: {lengths:?}");
}
