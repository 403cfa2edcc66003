//! Queries and the opaque cursors that continue them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{Item, keys::Range};

/// Which way a query walks its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From the smallest `sk` up: oldest first.
    Ascending,
    /// From the largest `sk` down: newest first.
    Descending,
}

/// One page's worth of a range.
#[derive(Debug, Clone)]
pub struct Query {
    pub(crate) range: Range,
    pub(crate) order: Order,
    pub(crate) limit: Option<usize>,
    pub(crate) after: Option<Cursor>,
}

impl Query {
    /// The whole range, from the smallest `sk` up.
    pub fn of(range: Range) -> Self {
        Self { range, order: Order::Ascending, limit: None, after: None }
    }

    /// From the largest `sk` down.
    #[must_use]
    pub fn newest_first(mut self) -> Self {
        self.order = Order::Descending;
        self
    }

    /// At most so many items; a page may also end at the store's 1 MB.
    #[must_use]
    pub fn limit(mut self, items: usize) -> Self {
        self.limit = Some(items);
        self
    }

    /// Continues behind the page that gave this cursor.
    #[must_use]
    pub fn after(mut self, cursor: Option<Cursor>) -> Self {
        self.after = cursor;
        self
    }
}

/// One page of a query.
#[derive(Debug)]
pub struct Page {
    /// The items in the order asked for.
    pub items: Vec<Item>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Cursor>,
}

/// A place in a partition. It names no partition, so whoever makes one up cannot leave the tenant whose range
/// the query names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) sk: String,
}

impl Cursor {
    /// Reads what [`Cursor`]'s `Display` printed for a page of `range`; `None` for anything else.
    pub fn parse(text: &str, range: &Range) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let sk = String::from_utf8(bytes).ok()?;
        let fits = sk.len() <= 1024 && (range.from.as_str()..=range.to.as_str()).contains(&sk.as_str());
        fits.then_some(Self { sk })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(&self.sk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_made_up_ones_are_refused() {
        let range = Range { pk: "p".to_owned(), from: "AT#".to_owned(), to: "AT#~".to_owned() };
        let cursor = Cursor { sk: "AT#063#k".to_owned() };

        assert_eq!(Cursor::parse(&cursor.to_string(), &range), Some(cursor));
        let outside = Cursor { sk: "ID#063".to_owned() }.to_string();
        for made_up in ["", "%%%", "w6k", "AA", &outside] {
            assert_eq!(Cursor::parse(made_up, &range), None, "{made_up}");
        }
    }
}
