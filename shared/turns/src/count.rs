//! Amounts counted over one window after another.

use bespin_entitlements::Window;
use bespin_policies::BudgetWindow as Span;
use bespin_primitives::Timestamp;

/// The window of a length that an instant falls in.
pub(crate) fn window(span: Span, at: Timestamp) -> Window {
    match span {
        Span::Hour => Window::Hour(starts(span, at)),
        Span::Day => Window::Day(at.date()),
        Span::Month => Window::Period(at.period()),
    }
}

fn starts(span: Span, at: Timestamp) -> Timestamp {
    let start = match span {
        Span::Hour => Timestamp::from_epoch_seconds(at.epoch_seconds().div_euclid(3_600) * 3_600),
        Span::Day => Timestamp::midnight(at.date()),
        Span::Month => Timestamp::midnight(at.period().start()),
    };
    start.unwrap_or(Timestamp::MIN)
}

/// An amount of the latest window in which anything was counted. Earlier ones are over and count for nothing; a clock that
/// is behind counts in the latest one, so that no two clocks hand out a window twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) starts: Timestamp,
    pub(crate) amount: u64,
}

impl Default for Count {
    fn default() -> Self {
        Self { starts: Timestamp::MIN, amount: 0 }
    }
}

impl Count {
    /// What was counted in the window of `now`.
    pub(crate) fn at(self, span: Span, now: Timestamp) -> u64 {
        if self.starts >= starts(span, now) { self.amount } else { 0 }
    }

    /// Counts more.
    pub(crate) fn add(&mut self, span: Span, now: Timestamp, amount: u64) {
        let starts = starts(span, now);
        if starts > self.starts {
            *self = Self { starts, amount };
        } else {
            self.amount = self.amount.saturating_add(amount);
        }
    }

    /// Takes back what was counted too much at an instant, unless its window is over.
    pub(crate) fn take_back(&mut self, span: Span, counted_at: Timestamp, amount: u64) {
        if self.starts == starts(span, counted_at) {
            self.amount = self.amount.saturating_sub(amount);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_count_begins_anew_with_its_window_and_never_goes_back() {
        let (before, after) = (at("2026-04-30T23:59:59.999999Z"), at("2026-05-01T00:00:00Z"));
        for span in Span::ALL {
            let mut count = Count::default();
            count.add(span, before, 3);
            assert_eq!((count.at(span, before), count.at(span, after)), (3, 0), "{span:?}");

            count.add(span, after, 1);
            count.add(span, before, 1);
            assert_eq!(count.at(span, after), 2, "{span:?}: a clock that is behind");
        }
    }

    #[test]
    fn what_was_counted_in_a_window_that_is_over_is_not_taken_back() {
        let mut count = Count::default();
        count.add(Span::Hour, at("2026-02-01T10:30:00Z"), 5);
        count.take_back(Span::Hour, at("2026-02-01T10:10:00Z"), 2);
        assert_eq!(count.at(Span::Hour, at("2026-02-01T10:59:59Z")), 3);

        count.add(Span::Hour, at("2026-02-01T11:00:00Z"), 4);
        count.take_back(Span::Hour, at("2026-02-01T10:10:00Z"), 2);
        assert_eq!(count.at(Span::Hour, at("2026-02-01T11:00:00Z")), 4);
    }
}
