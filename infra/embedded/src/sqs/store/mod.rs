//! The queues in SQLite: the connection and the schema. Rows are in [`queues`], [`messages`] and [`moves`].

pub(crate) mod messages;
pub(crate) mod moves;
pub(crate) mod queues;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use uuid::Uuid;

use super::error::SqsError;

/// Written to the file, so that a later schema knows what it opens.
const SCHEMA_VERSION: i64 = 1;

/// Times are milliseconds since 1970. A message is in flight while it has a receipt and its `visible_at` is
/// ahead, delayed while it has none, and visible from `visible_at` on. `receives` counts in the queue the
/// message is in, `receives_in_all` over all queues it was in, which is what receivers are told. The large
/// columns are last, because SQLite reads through them to reach what is behind.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS queue (
    name        TEXT PRIMARY KEY,
    attributes  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS message (
    sequence         INTEGER PRIMARY KEY AUTOINCREMENT,
    queue            TEXT NOT NULL REFERENCES queue (name) ON DELETE CASCADE,
    message_id       TEXT NOT NULL UNIQUE,
    group_id         TEXT,
    deduplication_id TEXT,
    sent_at          INTEGER NOT NULL,
    visible_at       INTEGER NOT NULL,
    receipt          TEXT,
    receives         INTEGER NOT NULL DEFAULT 0,
    receives_in_all  INTEGER NOT NULL DEFAULT 0,
    first_receive_at INTEGER,
    dead_in          TEXT,
    trace_header     TEXT,
    attributes       TEXT NOT NULL,
    body             TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS message_in_order ON message (queue, sequence);
CREATE INDEX IF NOT EXISTS message_by_age ON message (queue, sent_at);
CREATE INDEX IF NOT EXISTS message_received ON message (queue, receives) WHERE receives > 0;
CREATE INDEX IF NOT EXISTS message_of_group ON message (queue, group_id, visible_at) WHERE group_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS duplicate (
    queue            TEXT NOT NULL REFERENCES queue (name) ON DELETE CASCADE,
    deduplication_id TEXT NOT NULL,
    message_id       TEXT NOT NULL,
    sequence         INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    PRIMARY KEY (queue, deduplication_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS move_task (
    handle      TEXT PRIMARY KEY,
    source      TEXT NOT NULL,
    destination TEXT,
    moved       INTEGER NOT NULL,
    started_at  INTEGER NOT NULL
) STRICT;
";

/// One connection under a lock: SQLite has one writer anyway.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    pub(crate) fn open_in_memory() -> rusqlite::Result<Self> {
        Self::over(Connection::open_in_memory()?)
    }

    pub(crate) fn open_file(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // FULL makes every commit wait for the disk: what was answered survives a loss of power.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        Self::over(connection)
    }

    fn over(connection: Connection) -> rusqlite::Result<Self> {
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Runs one action: all it writes is kept when it succeeds, none of it when it fails.
    pub(crate) fn transaction<T>(
        &self,
        action: impl FnOnce(&Transaction<'_>) -> Result<T, SqsError>,
    ) -> Result<T, SqsError> {
        // A panic rolls its transaction back on the way out, so what it leaves behind is sound.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let outcome = action(&transaction)?;
        transaction.commit()?;
        Ok(outcome)
    }
}

/// An id of the service's making: of a message, a receipt or a task. The product may not rely on what it is, so
/// no replay depends on it.
fn fresh_id() -> String {
    #[expect(clippy::disallowed_methods, reason = "drawn on AWS's side of the wire, not by the product")]
    let id = Uuid::new_v4();
    id.to_string()
}
