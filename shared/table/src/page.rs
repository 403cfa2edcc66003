//! Queries and the opaque cursors that continue them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{Item, Key, keys::Range};

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
    seal: [u8; 8],
}

impl Cursor {
    /// The place of `sk` in the partition `pk`.
    pub(crate) fn new(pk: &str, sk: &str) -> Self {
        Self { sk: sk.to_owned(), seal: seal(pk, sk) }
    }

    /// The place behind a row, for a page that ends in the middle of one of the store's, or that is merged from
    /// several partitions. There need not be such a row.
    pub fn behind(row: &Key) -> Self {
        Self::new(&row.pk, &row.sk)
    }

    /// The place in the order of its partition.
    pub fn sk(&self) -> &str {
        &self.sk
    }

    /// Reads what [`Cursor`]'s `Display` printed for a page of `range`; `None` for anything else.
    pub fn parse(text: &str, range: &Range) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (seal, sk) = bytes.split_first_chunk()?;
        let sk = str::from_utf8(sk).ok()?;
        let fits = sk.len() <= 1024 && (range.from.as_str()..=range.to.as_str()).contains(&sk);
        Some(Self::new(&range.pk, sk)).filter(|cursor| fits && cursor.seal == *seal)
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode([&self.seal, self.sk.as_bytes()].concat()))
    }
}

/// Tells a cursor printed for this partition from a made-up one and from one of another list or tenant, which
/// would silently start somewhere (FNV-1a). No secret, because no wall rests on it.
fn seal(pk: &str, sk: &str) -> [u8; 8] {
    let bytes = pk.bytes().chain([0]).chain(sk.bytes());
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.fold(0xcbf2_9ce4_8422_2325, step).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_made_up_ones_are_refused() {
        let range = Range { pk: "p".to_owned(), from: "AT#".to_owned(), to: "AT#~".to_owned() };
        let cursor = Cursor::new("p", "AT#063#k");

        assert_eq!(Cursor::parse(&cursor.to_string(), &range), Some(cursor));
        let unsealed = BASE64_URL_SAFE_NO_PAD.encode("AT#063#k");
        let outside = Cursor::new("p", "ID#063").to_string();
        let elsewhere = Cursor::new("q", "AT#063#k").to_string();
        for made_up in ["", "%%%", "w6k", "AA", &unsealed, &outside, &elsewhere] {
            assert_eq!(Cursor::parse(made_up, &range), None, "{made_up}");
        }
    }
}
