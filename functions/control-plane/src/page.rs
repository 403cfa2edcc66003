//! Pages of lists: how many, and from where on.

use bespin_edge::cursor;
use bespin_table::{Cursor, Key, Range};
use bespin_web::{Call, Fields, Problem, Read, integer};
use serde_json::Value;

/// The largest page.
const MAX_LIMIT: i64 = 1_000;

/// Which page.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) limit: usize,
    pub(crate) after: Option<Cursor>,
}

impl Page {
    /// The page that a query of nothing else asks for.
    pub(crate) fn asked(call: &Call, range: &Range) -> Result<Self, Problem> {
        let mut query = call.query();
        let page = Self::read(&mut query, range);
        query.finish(|| page)
    }

    /// The page that a query asks for, of which the other parameters are still to be read.
    pub(crate) fn read(query: &mut Fields<'_>, range: &Range) -> Option<Self> {
        let limit = query.or("limit", 100, integer(1..=MAX_LIMIT).about("At most so many"));
        let after = query.optional("cursor", cursor(range));
        Some(Self { limit: usize::try_from(limit?).ok()?, after: after? })
    }

    /// This page of a list that was read whole, of those rows that are to be shown. A cursor names the row that the page
    /// before ended with, which is still in the list, be it shown or not.
    pub(crate) fn of<T>(
        self,
        rows: Vec<T>,
        key: impl Fn(&T) -> Key,
        shown: impl Fn(&T) -> bool,
    ) -> (Vec<T>, Option<Cursor>) {
        let start = match &self.after {
            None => 0,
            Some(after) => {
                let last = rows.iter().position(|row| key(row).sk == after.sk());
                last.map_or(rows.len(), |last| last + 1)
            }
        };
        let mut page: Vec<T> = rows.into_iter().skip(start).filter(shown).take(self.limit + 1).collect();
        let more = page.len() > self.limit;
        page.truncate(self.limit);
        let next = page.last().filter(|_| more).map(|last| Cursor::behind(&key(last)));
        (page, next)
    }
}

/// A cursor as answers show it.
pub(crate) fn shown(next: Option<&Cursor>) -> Value {
    next.map(ToString::to_string).into()
}
