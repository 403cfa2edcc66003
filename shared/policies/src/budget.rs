//! The three ceilings of a budget policy (control-plane.md 4).

use bespin_primitives::Micros;

/// Over what time a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetWindow {
    /// A UTC clock hour.
    Hour,
    /// A UTC day.
    Day,
    /// A UTC calendar month.
    Month,
}

impl BudgetWindow {
    /// All three, in the order of the contract.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// The name of the limit in policies, violations and answers.
    pub fn limit_name(self) -> &'static str {
        match self {
            Self::Hour => "usd_per_hour",
            Self::Day => "usd_per_day",
            Self::Month => "usd_per_month",
        }
    }
}

impl BudgetWindow {
    /// The window whose limit has this name.
    pub fn parse(limit_name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.limit_name() == limit_name)
    }
}

/// A ceiling in dollars for each window, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget([Option<Micros>; 3]);

impl Budget {
    /// The ceiling of a window.
    pub fn get(&self, window: BudgetWindow) -> Option<Micros> {
        self.0[window as usize]
    }

    /// The same with another ceiling of a window.
    #[must_use]
    pub fn with(mut self, window: BudgetWindow, dollars: Option<Micros>) -> Self {
        self.0[window as usize] = dollars;
        self
    }

    /// What is stored after an update: ceilings that are given replace, the others stay.
    #[must_use]
    pub fn updated_by(self, given: &Self) -> Self {
        Self(std::array::from_fn(|place| given.0[place].or(self.0[place])))
    }
}
