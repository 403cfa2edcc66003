//! Moves of dead letters back to where they came from, or elsewhere.

use rusqlite::{Row, Transaction, params};

use super::fresh_id;
use super::queues::Queue;
use crate::sqs::error::SqsError;

/// A move that was asked for. It is done by the time it is recorded.
#[derive(Debug)]
pub(crate) struct MoveTask {
    pub(crate) handle: String,
    pub(crate) destination: Option<String>,
    pub(crate) moved: usize,
    pub(crate) started_at: i64,
}

/// Moves the messages of `source` that nobody holds to `destination`, or each to the queue it died in. They
/// arrive as new messages: with a new id, kept for the full time, and not yet received.
pub(crate) fn run(
    rows: &Transaction<'_>,
    source: &Queue,
    destination: Option<&Queue>,
    now: i64,
) -> Result<MoveTask, SqsError> {
    let destination = destination.map(|queue| queue.name.clone());
    let mut moved = 0;
    for (sequence, dead_in) in movable(rows, source, now)? {
        let Some(target) = destination.as_ref().or(dead_in.as_ref()) else { continue };
        moved += rows
            .prepare_cached(
                "UPDATE message
                 SET queue = ?2, message_id = ?3, sent_at = ?4, visible_at = ?4, receipt = NULL, receives = 0,
                     receives_in_all = 0, first_receive_at = NULL, dead_in = NULL
                 WHERE sequence = ?1 AND EXISTS (SELECT 1 FROM queue WHERE name = ?2)",
            )?
            .execute(params![sequence, target, fresh_id(), now])?;
    }
    let task = MoveTask { handle: fresh_id(), destination, moved, started_at: now };
    rows.prepare_cached(
        "INSERT INTO move_task (handle, source, destination, moved, started_at) VALUES (?, ?, ?, ?, ?)",
    )?
    .execute(params![task.handle, source.name, task.destination, task.moved, task.started_at])?;
    Ok(task)
}

fn movable(rows: &Transaction<'_>, source: &Queue, now: i64) -> Result<Vec<(i64, Option<String>)>, SqsError> {
    let mut statement = rows.prepare_cached(
        "SELECT sequence, dead_in FROM message WHERE queue = ? AND visible_at <= ? ORDER BY sequence",
    )?;
    let found = statement.query_map(params![source.name, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The moves from `source`, the latest first, at most `limit`.
pub(crate) fn list(rows: &Transaction<'_>, source: &str, limit: i64) -> Result<Vec<MoveTask>, SqsError> {
    let mut statement = rows.prepare_cached(
        "SELECT * FROM move_task WHERE source = ? ORDER BY started_at DESC, rowid DESC LIMIT ?",
    )?;
    let task = |row: &Row<'_>| {
        Ok(MoveTask {
            handle: row.get("handle")?,
            destination: row.get("destination")?,
            moved: row.get("moved")?,
            started_at: row.get("started_at")?,
        })
    };
    let found = statement.query_map(params![source, limit], task)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
