//! The seven numbers of a quota policy and of a credit grant (control-plane.md 1).

/// One thing that is limited for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Turns at the same time.
    MaxConcurrent,
    /// Committed requests of a UTC day.
    RequestsPerDay,
    /// Committed requests of a UTC calendar month.
    RequestsPerMonth,
    /// Committed requests ever.
    TotalRequests,
    /// Committed tokens of a UTC clock hour.
    TokensPerHour,
    /// Committed tokens of a UTC day.
    TokensPerDay,
    /// Committed tokens of a UTC calendar month.
    TokensPerMonth,
}

impl Dimension {
    /// All seven, in the order of the contract.
    pub const ALL: [Self; 7] = [
        Self::MaxConcurrent,
        Self::RequestsPerDay,
        Self::RequestsPerMonth,
        Self::TotalRequests,
        Self::TokensPerHour,
        Self::TokensPerDay,
        Self::TokensPerMonth,
    ];

    /// The name in policies, reasons and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::MaxConcurrent => "max_concurrent",
            Self::RequestsPerDay => "requests_per_day",
            Self::RequestsPerMonth => "requests_per_month",
            Self::TotalRequests => "total_requests",
            Self::TokensPerHour => "tokens_per_hour",
            Self::TokensPerDay => "tokens_per_day",
            Self::TokensPerMonth => "tokens_per_month",
        }
    }

    /// The dimension of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.name() == name)
    }
}

/// A number for each dimension, or none. Of a policy, none is no limit; of a grant, none adds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quotas([Option<u64>; 7]);

impl Quotas {
    /// The number of a dimension.
    pub fn get(&self, dimension: Dimension) -> Option<u64> {
        self.0[dimension as usize]
    }

    /// The same with another number of a dimension.
    #[must_use]
    pub fn with(mut self, dimension: Dimension, number: Option<u64>) -> Self {
        self.0[dimension as usize] = number;
        self
    }

    /// What is stored after an update: numbers that are given replace, the others stay (control-plane.md 3).
    #[must_use]
    pub fn updated_by(self, given: &Self) -> Self {
        self.joined(given, |stored, given| given.or(stored))
    }

    /// The limits of a user that was granted something on top (control-plane.md 2.5): no limit stays no limit.
    #[must_use]
    pub fn raised_by(self, granted: &Self) -> Self {
        self.joined(granted, |base, more| Some(base?.saturating_add(more.unwrap_or_default())))
    }

    /// What two grants add together: none only where neither adds anything.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        self.joined(other, |one, other| match (one, other) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            _ => one.or(other),
        })
    }

    fn joined(self, other: &Self, join: impl Fn(Option<u64>, Option<u64>) -> Option<u64>) -> Self {
        Self(std::array::from_fn(|place| join(self.0[place], other.0[place])))
    }
}

#[cfg(test)]
mod tests {
    use Dimension::{MaxConcurrent, RequestsPerDay, TokensPerDay};

    use super::*;

    #[test]
    fn a_grant_raises_limits_and_limits_nothing_that_was_not_limited() {
        let base = Quotas::default().with(RequestsPerDay, Some(10)).with(MaxConcurrent, Some(2));
        let granted = Quotas::default().with(RequestsPerDay, Some(50)).with(TokensPerDay, Some(9));

        let effective = base.raised_by(&granted);

        assert_eq!(effective, base.with(RequestsPerDay, Some(60)));
    }

    #[test]
    fn grants_add_up_where_either_adds_anything() {
        let one = Quotas::default().with(RequestsPerDay, Some(50));
        let other = Quotas::default().with(RequestsPerDay, Some(20)).with(TokensPerDay, Some(9));

        assert_eq!(one.and(&other), other.with(RequestsPerDay, Some(70)));
    }

    #[test]
    fn an_update_keeps_what_it_does_not_name() {
        let stored = Quotas::default().with(RequestsPerDay, Some(10)).with(TokensPerDay, Some(5));

        let updated = stored.updated_by(&Quotas::default().with(RequestsPerDay, Some(0)));

        assert_eq!(updated, stored.with(RequestsPerDay, Some(0)));
    }

    #[test]
    fn every_dimension_has_a_place_and_a_name_of_its_own() {
        for (place, dimension) in Dimension::ALL.into_iter().enumerate() {
            assert_eq!(dimension as usize, place);
            assert_eq!(Dimension::parse(dimension.name()), Some(dimension));
        }
    }
}
