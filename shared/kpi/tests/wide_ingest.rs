//! An ingest too wide for one transaction, and what is left of it when the process dies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bespin_access::TenantAccess;
use bespin_kpi::{Batch, Kpi, Kpis, Point, Written};
use bespin_primitives::{KpiId, Timestamp};
use bespin_table::Transaction;
use bespin_testing::{Store, at};

/// One point a second from the start of 2026, taking every `step`th from `first`. Each is spelled as long as a time
/// can be, so that few points make many leaves.
fn seconds(first: usize, step: usize, count: usize) -> Batch {
    let start = at("2026-01-01T00:00:00Z");
    let point = |second: usize| {
        let text =
            start.plus_seconds(i64::try_from(second).unwrap()).to_string().replace('Z', &"0".repeat(38));
        Point::parse(&text, f64::from(u32::try_from(second).unwrap())).unwrap()
    };
    Batch::of((0..count).map(|number| point(first + number * step)).collect())
}

struct Series {
    store: Store,
    access: TenantAccess,
    kpis: Kpis,
    kpi: KpiId,
}

impl Series {
    /// A series with every even second of 12,000: more leaves than one transaction holds.
    async fn long() -> Self {
        let store = Store::open().await;
        let access = store.tenant_access().await;
        let kpis = Kpis::new(store.table.clone());
        let kpi = KpiId::random(&*store.random);
        let definition = Kpi {
            id: kpi,
            name: "Load".to_owned(),
            unit: None,
            description: None,
            created_at: Timestamp::MIN,
        };
        let mut transaction = Transaction::new();
        kpis.create(&mut transaction, &access, &definition);
        store.table.commit(transaction).await.unwrap();
        let series = Self { store, access, kpis, kpi };
        for call in 0..3 {
            // Calls of 2,000 points fill leaves of the smallest size.
            assert_eq!(
                series.ingest(&seconds(call * 4_000, 2, 2_000)).await.unwrap(),
                (2_000, Written::Whole)
            );
        }
        series
    }

    /// Plans and commits; `None` when the store is gone.
    async fn ingest(&self, batch: &Batch) -> Option<(u64, Written)> {
        let (_, head) = self.kpis.find(&self.access, self.kpi).await.ok()??;
        let plan = self.kpis.plan_ingest(&self.access, self.kpi, head.as_ref(), batch).await.ok()?;
        let inserted = plan.inserted();
        let mut transaction = Transaction::new();
        let written = self.kpis.write(&mut transaction, &self.access, self.kpi, head.as_ref(), batch, plan);
        self.store.table.commit(transaction).await.ok()?;
        Some((inserted, written))
    }

    async fn count_of_new(&self, batch: &Batch) -> u64 {
        let (_, head) = self.kpis.find(&self.access, self.kpi).await.unwrap().unwrap();
        self.kpis.plan_ingest(&self.access, self.kpi, head.as_ref(), batch).await.unwrap().inserted()
    }
}

#[tokio::test]
async fn points_scattered_over_a_long_series_are_promised_whole_and_brought_in_by_whoever_comes_next() {
    let series = Series::long().await;
    let odd = seconds(1, 8, 1_500);

    assert_eq!(series.ingest(&odd).await, Some((1_500, Written::Journaled)));

    // The next reader finishes the work before it looks.
    let (kpi, head) = series.kpis.find(&series.access, series.kpi).await.unwrap().unwrap();
    let head = head.unwrap();
    assert!(head.is_pending(), "it saw the promise");
    let until = at("2026-01-01T03:19:53Z");
    let changes = series.kpis.changes(&series.access, vec![(kpi, head)], until, 1).await.unwrap();
    let (_, change) = &changes[0];
    assert_eq!(change.latest().value().to_bits(), 11_993f64.to_bits(), "the last odd second");
    assert_eq!(series.count_of_new(&odd).await, 0);
    let (_, head) = series.kpis.find(&series.access, series.kpi).await.unwrap().unwrap();
    assert!(!head.unwrap().is_pending());
}

#[tokio::test]
async fn a_death_at_any_call_to_the_store_loses_no_promised_point_and_doubles_none() {
    for survived_calls in [0, 2, 5, 8, 11] {
        let series = Series::long().await;
        let odd = seconds(1, 8, 1_500);
        assert_eq!(series.ingest(&odd).await.unwrap().1, Written::Journaled);

        series.store.faults().stop_after(survived_calls);
        let _ = series.kpis.roll_forward(&series.access, series.kpi).await;
        series.store.faults().clear();

        series.kpis.roll_forward(&series.access, series.kpi).await.unwrap();
        assert_eq!(series.count_of_new(&odd).await, 0, "after {survived_calls} calls");
        let all = Batch::of([seconds(0, 2, 6_000).points(), odd.points()].concat());
        assert_eq!(series.count_of_new(&all).await, 0, "after {survived_calls} calls");
    }
}
