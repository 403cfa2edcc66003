//! Budgets of providers over the embedded store, case by case (control-plane.md 14, U).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use bespin_access::TenantAccess;
use bespin_policies::{Budget, BudgetWindow, Project};
use bespin_primitives::{Micros, Timestamp};
use bespin_testing::Store;
use bespin_turns::{BudgetVerdict, ProviderBudget, Turns};
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn dollars(text: &str) -> Micros {
    Micros::parse(text).unwrap()
}

/// Dollars per hour, day, month; `-` for no limit.
fn budget(scope: &str, provider: &str, text: &str) -> ProviderBudget {
    let numbers = text.split(';').map(|number| Micros::parse(number).ok());
    let budget = BudgetWindow::ALL
        .into_iter()
        .zip(numbers)
        .fold(Budget::default(), |all, (span, number)| all.with(span, number));
    ProviderBudget { scope: scope.to_owned(), provider: provider.to_owned(), budget }
}

struct Till {
    turns: Turns,
    access: TenantAccess,
    project: Project,
}

impl Till {
    async fn open(store: &Store) -> Self {
        let access = store.tenant_access().await;
        Self {
            turns: Turns::new(store.table.clone(), Arc::clone(&store.random)),
            access,
            project: Project::default(),
        }
    }

    async fn spend(&self, (bundle, provider): (&str, &str), amount: &str, now: &str) {
        let micros = dollars(amount).get();
        self.turns
            .commit_spend(&self.access, &self.project, (bundle, provider), micros, None, at(now))
            .await
            .unwrap();
    }

    async fn check(&self, budget: &ProviderBudget, now: &str) -> BudgetVerdict {
        let budgets = std::slice::from_ref(budget);
        self.turns.check(&self.access, &self.project, budgets, at(now)).await.unwrap().remove(0)
    }

    async fn spent(&self, bundle: &str, provider: &str, now: &str) -> Value {
        let spend = self.turns.spend(&self.access, &self.project, bundle, provider, at(now)).await.unwrap();
        let view = spend.view(at(now));
        json!([view["hour"], view["day"], view["month"]])
    }
}

#[tokio::test]
async fn u1_to_u4_spend_reaches_its_ceilings_and_the_longest_wait_is_told() {
    let store = Store::open().await;
    let till = Till::open(&store).await;
    let of = budget("app", "anthropic", "8;25;-");
    till.spend(("app", "anthropic"), "16.01", "2026-02-10T12:10:00Z").await;
    till.spend(("app", "anthropic"), "7.99", "2026-02-10T13:10:00Z").await;

    let verdict = till.check(&of, "2026-02-10T13:20:00Z").await;
    let view = verdict.view();
    assert_eq!(verdict.violations(), [""; 0], "U1");
    assert_eq!(
        view["remaining"],
        json!({"usd_per_hour": dollars("0.01"), "usd_per_day": dollars("1"), "usd_per_month": null}),
        "U1"
    );

    till.spend(("app", "anthropic"), "1", "2026-02-10T13:50:00Z").await;
    let verdict = till.check(&of, "2026-02-10T13:50:00Z").await;
    let view = verdict.view();
    assert_eq!(verdict.violations(), ["usd_per_hour", "usd_per_day"], "U2 and U4");
    assert_eq!((&view["retry_after_sec"], &view["retry_scope"]), (&json!(36_600), &json!("day")), "U2");
    assert_eq!(
        (&view["remaining"]["usd_per_hour"], &view["remaining"]["usd_per_day"]),
        (&json!(dollars("0")), &json!(dollars("0"))),
        "U2"
    );
    assert_eq!(till.check(&of, "2026-02-10T14:00:00Z").await.violations(), ["usd_per_day"], "U3");
}

#[tokio::test]
async fn u5_to_u10_what_is_counted_where_to_the_millionth() {
    let store = Store::open().await;
    let till = Till::open(&store).await;
    let now = "2026-02-10T12:00:00Z";
    let open = till.check(&budget("app", "brave", "-;-;-"), now).await;
    assert_eq!(
        (open.violations().len(), open.view()["remaining"]["usd_per_day"].clone()),
        (0, Value::Null),
        "U5"
    );

    for _ in 0..3 {
        till.spend(("app", "openai"), "0.004", now).await;
    }
    assert_eq!(
        till.check(&budget("app", "openai", "0.01;-;-"), now).await.violations(),
        ["usd_per_hour"],
        "U6"
    );
    let spent = json!([dollars("0.012"), dollars("0.012"), dollars("0.012")]);
    assert_eq!(till.spent("app", "openai", now).await, spent, "U6, F7");

    assert_eq!(
        till.spent("other", "openai", now).await,
        json!([dollars("0"), dollars("0"), dollars("0")]),
        "U9"
    );
    assert_eq!(till.spent("*", "openai", now).await, spent, "the whole project");
    till.spend(("other", "openai"), "1", now).await;
    assert_eq!(till.spent("*", "openai", now).await[0], json!(dollars("1.012")));
    let zeta = Till::open(&store).await;
    assert_eq!(zeta.spent("app", "openai", now).await[0], json!(dollars("0")), "U10");
}

#[tokio::test]
async fn a_spend_with_an_id_counts_once() {
    let store = Store::open().await;
    let till = Till::open(&store).await;
    let now = at("2026-02-10T12:00:00Z");
    let mut repeats = Vec::new();
    for _ in 0..3 {
        let of = ("app", "openai");
        let commit = till.turns.commit_spend(&till.access, &till.project, of, 5, Some("turn-1"), now);
        repeats.push(commit.await.unwrap());
    }

    assert_eq!(repeats, [false, true, true]);
    assert_eq!(till.spent("app", "openai", "2026-02-10T12:00:00Z").await[0], json!(Micros::new(5)));
}
