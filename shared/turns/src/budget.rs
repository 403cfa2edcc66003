//! Whether a provider may cost more (control-plane.md 6).

use bespin_entitlements::{Enforcement, Limit, Measure, Origin, Scope};
use bespin_policies::{Budget, BudgetWindow as Span};
use bespin_primitives::{Micros, Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    Spend,
    count::window,
    verdict::{hours, wait},
};

/// What a provider may cost in a scope: one bundle, or `*` for the whole project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderBudget {
    /// The bundle, or `*`.
    pub scope: String,
    /// The provider.
    pub provider: String,
    /// The ceilings.
    pub budget: Budget,
}

/// What is left of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetVerdict {
    /// Of which budget.
    pub of: ProviderBudget,
    /// The windows that leave no room.
    pub violated: Vec<Span>,
    spent: [u64; 3],
    held: u64,
    now: Timestamp,
}

impl BudgetVerdict {
    /// Whether so many micro-dollars more fit; asked for nothing, whether anything does (control-plane.md 6: a violation
    /// when spent >= limit). Of a spend at the same instant.
    pub(crate) fn of(budget: &ProviderBudget, spend: &Spend, asked: u64, now: Timestamp) -> Self {
        let held = spend.held();
        let counted = Span::ALL.map(|span| spend.spent(span, now));
        let violates = |span: &Span| {
            let used = counted[*span as usize].saturating_add(held);
            limit(&budget.budget, *span, now).is_some_and(|limit| limit.refuses(used, asked.max(1)))
        };
        Self {
            of: budget.clone(),
            violated: Span::ALL.into_iter().filter(violates).collect(),
            spent: counted,
            held,
            now,
        }
    }

    /// How long until what is violated starts again, and what that is: the longest wait counts.
    pub fn retry(&self) -> Option<(u64, &'static str)> {
        self.violated.iter().filter_map(|span| wait(window(*span, self.now), self.now)).max()
    }

    /// The names of what is violated.
    pub fn violations(&self) -> Vec<&'static str> {
        self.violated.iter().map(|span| span.limit_name()).collect()
    }

    /// As the API shows it.
    pub fn view(&self) -> Value {
        let by_name = |value: &dyn Fn(Span) -> Value| {
            let all = Span::ALL.map(|span| (span.limit_name().to_owned(), value(span)));
            Value::Object(all.into_iter().collect::<Map<_, _>>())
        };
        let remaining = |span: Span| {
            let used = self.spent[span as usize].saturating_add(self.held);
            let left =
                self.of.budget.get(span).map(|ceiling| Micros::new(ceiling.get().saturating_sub(used)));
            json!(left)
        };
        let retry = self.retry();
        json!({
            "bundle_id": self.of.scope, "provider": self.of.provider,
            "limits": by_name(&|span| json!(self.of.budget.get(span))),
            "remaining": by_name(&remaining),
            "violations": self.violations(),
            "retry_after_sec": retry.map(|(seconds, _)| seconds),
            "retry_after_hours": retry.map(|(seconds, _)| hours(seconds)),
            "retry_scope": retry.map(|(_, scope)| scope),
        })
    }
}

fn limit(budget: &Budget, span: Span, now: Timestamp) -> Option<Limit> {
    Some(Limit {
        scope: Scope::Provider,
        measure: Measure::Dollars,
        window: window(span, now),
        ceiling: budget.get(span)?.get(),
        enforcement: Enforcement::Hard,
        origin: Origin::BudgetPolicy,
    })
}
