//! Texts that may be larger than an item. Small ones stand in their row; of large ones the row points at pieces. A
//! piece that nothing points at does no harm.

use bespin_primitives::{TenantId, Timestamp};

use crate::{Condition, CorruptItem, Item, Key, Query, Table, TableError, Transaction, keys};

/// The largest text that stands in its own row. With the other attributes a row stays far below 400 KB, and a
/// transaction with a few such rows below 4 MB.
const IN_ROW: usize = 200_000;
/// The largest text whose pieces are written in the transaction of its row, of the store's 4 MB.
const IN_TRANSACTION: usize = 3_000_000;
/// The size of a piece.
const PIECE: usize = 300_000;

/// A text as a row holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredText {
    /// The text itself.
    InRow(String),
    /// The id under which its pieces stand, and how many they are.
    InPieces {
        /// Unique in the tenant.
        id: String,
        /// At least one.
        pieces: u32,
    },
}

impl StoredText {
    fn in_pieces(id: &str, pieces: usize) -> Self {
        Self::InPieces { id: id.to_owned(), pieces: u32::try_from(pieces).unwrap_or(u32::MAX) }
    }

    /// Puts the text or its whereabouts into a row.
    pub fn write(&self, item: &mut Item) {
        match self {
            Self::InRow(text) => item.set("text", text),
            Self::InPieces { id, pieces } => {
                item.set("text_id", id);
                item.set("text_pieces", pieces);
            }
        }
    }

    /// Reads back what [`StoredText::write`] put there.
    pub fn read(item: &Item) -> Result<Self, CorruptItem> {
        match item.get_some("text")? {
            Some(text) => Ok(Self::InRow(text)),
            None => Ok(Self::InPieces { id: item.get("text_id")?, pieces: item.get("text_pieces")? }),
        }
    }
}

impl Table {
    /// Makes `text` fit for a row that `transaction` writes for good: as it is when small, otherwise in pieces that
    /// stand or fall with the transaction. A text too large even for that is written in pieces beforehand; if the
    /// transaction then fails, they stay, and nothing points at them.
    pub async fn put_text(
        &self,
        transaction: &mut Transaction,
        tenant: TenantId,
        id: &str,
        text: String,
    ) -> Result<StoredText, TableError> {
        if text.len() > IN_TRANSACTION {
            return self.keep_text(tenant, id, text, None).await;
        }
        if text.len() <= IN_ROW {
            return Ok(StoredText::InRow(text));
        }
        let pieces = pieces(tenant, id, &text, None);
        let stored = StoredText::in_pieces(id, pieces.len());
        for piece in pieces {
            transaction.put(piece, Condition::default());
        }
        Ok(stored)
    }

    /// Makes `text` fit for a row that ends at `expires_at`, or never: as it is when small, otherwise written in
    /// pieces under `id` beforehand, which end at the same time.
    pub async fn keep_text(
        &self,
        tenant: TenantId,
        id: &str,
        text: String,
        expires_at: Option<Timestamp>,
    ) -> Result<StoredText, TableError> {
        if text.len() <= IN_ROW {
            return Ok(StoredText::InRow(text));
        }
        let pieces = pieces(tenant, id, &text, expires_at);
        let stored = StoredText::in_pieces(id, pieces.len());
        for piece in pieces {
            self.put(piece, Condition::default()).await?;
        }
        Ok(stored)
    }

    /// The whole text. No round trip when it stands in its row.
    pub async fn whole_text(&self, tenant: TenantId, stored: StoredText) -> Result<String, TableError> {
        match stored {
            StoredText::InRow(text) => Ok(text),
            StoredText::InPieces { id, pieces } => {
                let items = self.query_whole(Query::of(keys::text_pieces(tenant, &id))).await?;
                if items.len() != pieces as usize {
                    let row = Item::new(Key { pk: keys::text_pieces(tenant, &id).pk, sk: String::new() });
                    return Err(row.corrupt("text").into());
                }
                items
                    .iter()
                    .map(|item| item.get::<String>("text"))
                    .collect::<Result<_, _>>()
                    .map_err(Into::into)
            }
        }
    }
}

fn pieces(tenant: TenantId, id: &str, text: &str, expires_at: Option<Timestamp>) -> Vec<Item> {
    let item = |(number, piece): (usize, &str)| {
        let mut item = Item::new(keys::text_piece(tenant, id, number)).with("text", &piece.to_owned());
        item.set_some("expires_at", expires_at.map(Timestamp::epoch_seconds).as_ref());
        item
    };
    split(text).into_iter().enumerate().map(item).collect()
}

fn split(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE));
        pieces.push(piece);
        rest = more;
    }
    pieces
}
