//! What was paid for grants in a month, and paid back.

use bespin_policies::Project;
use bespin_primitives::{BillingPeriod, Micros, TenantId, Timestamp};
use bespin_table::{Change, Condition, CorruptItem, Item, Transaction, keys};

/// What was paid for the grants of a project, and paid back: a grant that is deactivated is paid back in the month in
/// which that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Revenue {
    /// How many grants were paid for.
    pub purchases: u64,
    /// How much, in dollars.
    pub paid: Micros,
    /// How many of them were taken back.
    pub refunds: u64,
    /// How much, in dollars.
    pub refunded: Micros,
}

impl Revenue {
    /// Grants that were paid for, without those taken back. Negative where more were taken back than paid for.
    pub fn count(&self) -> i64 {
        let whole = |count| i64::try_from(count).unwrap_or(i64::MAX);
        whole(self.purchases) - whole(self.refunds)
    }

    /// Millionths of a dollar that were paid and not paid back.
    pub fn total(&self) -> i128 {
        i128::from(self.paid.get()) - i128::from(self.refunded.get())
    }

    /// The mean of what was paid and not paid back, in millionths of a dollar and rounded half up to whole cents; none
    /// where there is nothing to divide by.
    pub fn average(&self) -> Option<i128> {
        const CENT: i128 = 10_000;
        let count = i128::from(self.count());
        (count > 0).then(|| (2 * self.total() + count * CENT).div_euclid(2 * count * CENT) * CENT)
    }

    /// Both together.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        let sum = |one: Micros, other: Micros| Micros::new(one.get().saturating_add(other.get()));
        Self {
            purchases: self.purchases.saturating_add(more.purchases),
            paid: sum(self.paid, more.paid),
            refunds: self.refunds.saturating_add(more.refunds),
            refunded: sum(self.refunded, more.refunded),
        }
    }

    pub(crate) fn read(item: &Item) -> Result<Self, CorruptItem> {
        let number = |name| Ok(item.get_some(name)?.unwrap_or_default());
        Ok(Self {
            purchases: number("purchases")?,
            paid: Micros::new(number("paid")?),
            refunds: number("refunds")?,
            refunded: Micros::new(number("refunded")?),
        })
    }
}

/// Adds to `transaction` that grants were paid for, or paid back, in the month of `now`. Nothing where nothing was paid.
pub(crate) fn post(
    transaction: &mut Transaction,
    tenant_id: TenantId,
    project: &Project,
    [count, amount]: [&str; 2],
    amounts: &[Micros],
    now: Timestamp,
) {
    if amounts.is_empty() {
        return;
    }
    let period: BillingPeriod = now.period();
    let sum = amounts.iter().fold(0u64, |sum, amount| sum.saturating_add(amount.get()));
    let change = Change::default().add(count, &(amounts.len() as u64)).add(amount, &sum);
    transaction.update(keys::revenue(tenant_id, project.as_str(), period), change, Condition::default());
}

pub(crate) const PAID: [&str; 2] = ["purchases", "paid"];
pub(crate) const PAID_BACK: [&str; 2] = ["refunds", "refunded"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_is_rounded_half_up_to_whole_cents() {
        let of = |purchases, micros| {
            Revenue { purchases, paid: Micros::new(micros), ..Revenue::default() }.average()
        };

        assert_eq!(of(0, 0), None);
        assert_eq!(of(2, 40_000_000), Some(20_000_000));
        assert_eq!(of(3, 10_000_000), Some(3_330_000));
        assert_eq!(of(2, 10_010_000), Some(5_010_000), "5.005");
    }
}
