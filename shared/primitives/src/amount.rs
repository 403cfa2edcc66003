//! Credits and money. Products are exact, so nothing is ever rounded: millionths of a credit times
//! millionths of a dollar are whole picodollars.

use std::fmt;

use crate::decimal::{Micros, decimal_text, json_number};

/// How many raw units of a metered event (calls, rows, notifications) happened.
pub type RawUnits = u64;

/// An amount of credit in micro-credits (1 credit = 1,000,000). Never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Credits(Micros);

/// What one raw unit of an event costs in credits.
pub type WeightPerUnit = Credits;

impl Credits {
    /// Nothing.
    pub const ZERO: Self = Self(Micros::new(0));

    /// So many whole credits; stops at the largest amount.
    pub const fn whole(credits: u64) -> Self {
        Self::from_micros(credits.saturating_mul(1_000_000))
    }

    /// So many micro-credits.
    pub const fn from_micros(micros: u64) -> Self {
        Self(Micros::new(micros))
    }

    /// The amount in micro-credits.
    pub const fn micros(self) -> u64 {
        self.0.get()
    }

    /// The sum; `None` past the largest amount.
    pub fn checked_add(self, more: Self) -> Option<Self> {
        self.micros().checked_add(more.micros()).map(Self::from_micros)
    }

    /// `None` when `spent` is more than this.
    pub fn checked_sub(self, spent: Self) -> Option<Self> {
        self.micros().checked_sub(spent.micros()).map(Self::from_micros)
    }

    /// What so many units cost when one costs this; `None` past the largest amount.
    pub fn checked_mul(self, units: RawUnits) -> Option<Self> {
        self.micros().checked_mul(units).map(Self::from_micros)
    }

    /// The list price of this much credit. Exact: the product of millionths is whole picodollars.
    pub fn priced(self, price: PricePerCredit) -> Usd {
        Usd { picos: u128::from(self.micros()) * u128::from(price.0.get()) }
    }
}

/// Dollars for one credit, in micro-dollars.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PricePerCredit(Micros);

impl PricePerCredit {
    /// So many micro-dollars a credit.
    pub const fn from_micros(micros: u64) -> Self {
        Self(Micros::new(micros))
    }

    /// The price in micro-dollars a credit.
    pub const fn micros(self) -> u64 {
        self.0.get()
    }
}

/// An amount of US dollars in picodollars (10^-12). Never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd {
    picos: u128,
}

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self { picos: 0 };

    /// So many picodollars.
    pub const fn from_picos(picos: u128) -> Self {
        Self { picos }
    }

    /// The amount in picodollars.
    pub const fn picos(self) -> u128 {
        self.picos
    }

    /// The sum; `None` past the largest amount.
    pub fn checked_add(self, more: Self) -> Option<Self> {
        self.picos.checked_add(more.picos).map(Self::from_picos)
    }
}

macro_rules! decimal_number {
    ($($name:ident: |$amount:ident| $text:expr),+ $(,)?) => {$(
        /// The shortest exact decimal.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $amount = self;
                f.write_str(&$text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        /// A JSON number, exact.
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                json_number(self.to_string(), serializer)
            }
        }
    )+};
}

decimal_number! {
    Credits: |credits| credits.0.to_string(),
    PricePerCredit: |price| price.0.to_string(),
    Usd: |usd| decimal_text(usd.picos, 12),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_notifications_cost_six_tenths_of_a_credit_and_print_so() {
        let weight = Credits::from_micros(200_000);

        let credits = weight.checked_mul(3).unwrap();

        assert_eq!(serde_json::to_string(&credits).unwrap(), "0.6");
        assert_eq!(
            serde_json::to_string(&credits.priced(PricePerCredit::from_micros(20_000))).unwrap(),
            "0.012"
        );
    }

    #[test]
    fn one_row_at_an_odd_price_is_still_exact() {
        let row = Credits::from_micros(333_333);

        assert_eq!(row.priced(PricePerCredit::from_micros(15_001)).to_string(), "0.005000328333");
    }

    #[test]
    fn amounts_stop_instead_of_wrapping() {
        assert_eq!(Credits::whole(5).checked_sub(Credits::whole(6)), None);
        assert_eq!(Credits::from_micros(u64::MAX).checked_add(Credits::from_micros(1)), None);
        assert_eq!(Credits::whole(1).checked_mul(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn credits_never_drift(weight in 0u64..10_000_000, parts in prop::collection::vec(0u64..10_000, 0..50)) {
            let weight = Credits::from_micros(weight);
            let one_by_one = parts.iter().try_fold(Credits::ZERO, |sum, n| sum.checked_add(weight.checked_mul(*n)?));
            let at_once = weight.checked_mul(parts.iter().sum());

            prop_assert_eq!(one_by_one, at_once);
        }

        #[test]
        fn the_price_of_a_sum_is_the_sum_of_the_prices(price in 0u64..10_000_000, parts in prop::collection::vec(0u64..1_000_000_000_000, 0..50)) {
            let price = PricePerCredit::from_micros(price);
            let sum = Credits::from_micros(parts.iter().sum());
            let prices = parts.iter().try_fold(Usd::ZERO, |total, part| total.checked_add(Credits::from_micros(*part).priced(price)));

            prop_assert_eq!(prices, Some(sum.priced(price)));
        }
    }
}
