//! What is sold (control-plane.md 9.3).

use bespin_policies::{Dimension, Quotas};

/// Something that is sold under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// Its name, in exactly this spelling.
    pub name: &'static str,
    /// What it costs, in cents of a dollar.
    pub price_cents: u64,
    /// Requests a day.
    pub requests_per_day: u64,
    /// Tokens a day.
    pub tokens_per_day: u64,
    /// For how many days.
    pub days: i64,
}

/// Everything that is sold under a name.
pub const PACKAGES: [Package; 3] = [
    Package { name: "basic", price_cents: 1_000, requests_per_day: 50, tokens_per_day: 5_000_000, days: 30 },
    Package { name: "pro", price_cents: 3_000, requests_per_day: 200, tokens_per_day: 20_000_000, days: 30 },
    Package {
        name: "enterprise",
        price_cents: 10_000,
        requests_per_day: 1_000,
        tokens_per_day: 100_000_000,
        days: 30,
    },
];

impl Package {
    /// The package of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        PACKAGES.iter().find(|package| package.name == name)
    }

    /// What it adds.
    pub fn additions(&self) -> Quotas {
        additions(self.requests_per_day, self.tokens_per_day)
    }
}

/// So many requests and tokens a day.
pub(crate) fn additions(requests_per_day: u64, tokens_per_day: u64) -> Quotas {
    Quotas::default()
        .with(Dimension::RequestsPerDay, Some(requests_per_day))
        .with(Dimension::TokensPerDay, Some(tokens_per_day))
}
