//! The limits of a user, as the one concept of a limit has them.

use bespin_entitlements::{Enforcement, Limit, Measure, Origin, Scope, Window};
use bespin_policies::{BudgetWindow as Span, Dimension, Quotas};
use bespin_primitives::Timestamp;

use crate::count::window;

/// What holds for a user of a kind that no policy speaks of: one turn at a time, 10 requests and 100,000 tokens a day
/// (control-plane.md 3).
pub const FALLBACK: [(Dimension, u64); 3] =
    [(Dimension::MaxConcurrent, 1), (Dimension::RequestsPerDay, 10), (Dimension::TokensPerDay, 100_000)];

/// What a user may do in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// What the policy of the user's kind says.
    pub base: Quotas,
    /// What was granted to the user on top; none where no grant is valid.
    pub granted: Option<Quotas>,
}

impl Allowed {
    /// By a policy, or the fallback where there is none, and what was granted.
    pub fn new(policy: Option<Quotas>, granted: Option<Quotas>) -> Self {
        let fallback = || {
            FALLBACK
                .iter()
                .fold(Quotas::default(), |all, (dimension, most)| all.with(*dimension, Some(*most)))
        };
        Self { base: policy.unwrap_or_else(fallback), granted }
    }

    /// The limits that hold.
    pub fn effective(&self) -> Quotas {
        self.granted.map_or(self.base, |granted| self.base.raised_by(&granted))
    }
}

/// The dimensions that count what happened, in the order in which they refuse (control-plane.md 5.1).
pub(crate) const COUNTED: [Dimension; 6] = [
    Dimension::RequestsPerDay,
    Dimension::RequestsPerMonth,
    Dimension::TotalRequests,
    Dimension::TokensPerHour,
    Dimension::TokensPerDay,
    Dimension::TokensPerMonth,
];

/// Over how long a dimension counts; `None` for ever, and for what is under way.
pub(crate) fn span(dimension: Dimension) -> Option<Span> {
    match dimension {
        Dimension::MaxConcurrent | Dimension::TotalRequests => None,
        Dimension::TokensPerHour => Some(Span::Hour),
        Dimension::RequestsPerDay | Dimension::TokensPerDay => Some(Span::Day),
        Dimension::RequestsPerMonth | Dimension::TokensPerMonth => Some(Span::Month),
    }
}

/// What a dimension counts.
pub(crate) fn measure(dimension: Dimension) -> Measure {
    match dimension {
        Dimension::MaxConcurrent => Measure::Turns,
        Dimension::RequestsPerDay | Dimension::RequestsPerMonth | Dimension::TotalRequests => {
            Measure::Requests
        }
        Dimension::TokensPerHour | Dimension::TokensPerDay | Dimension::TokensPerMonth => Measure::Tokens,
    }
}

/// The limit on a dimension at an instant; `None` where nothing is limited.
pub(crate) fn limit(quotas: &Quotas, dimension: Dimension, now: Timestamp) -> Option<Limit> {
    let window = match (dimension, span(dimension)) {
        (_, Some(span)) => window(span, now),
        (Dimension::MaxConcurrent, None) => Window::Now,
        (_, None) => Window::Lifetime,
    };
    Some(Limit {
        scope: Scope::User,
        measure: measure(dimension),
        window,
        ceiling: quotas.get(dimension)?,
        enforcement: Enforcement::Hard,
        origin: Origin::QuotaPolicy,
    })
}
