use rusqlite::{OptionalExtension, Row, Transaction, params};
use uuid::Uuid;

use super::fresh_id;
use super::queues::{Queue, from_json, json_of};
use crate::sqs::attributes::Redrive;
use crate::sqs::error::SqsError;
use crate::sqs::message::MessageAttributes;

/// How long a FIFO queue remembers what it was sent.
const DEDUPLICATION_MS: i64 = 5 * 60 * 1000;

/// A message that was found good and is not yet in a queue.
#[derive(Debug)]
pub(crate) struct NewMessage {
    pub(crate) body: String,
    pub(crate) attributes: MessageAttributes,
    pub(crate) trace_header: Option<String>,
    pub(crate) group_id: Option<String>,
    pub(crate) deduplication_id: Option<String>,
    pub(crate) delay_seconds: i64,
}

/// What the sender learns of its message, or of the one it is a duplicate of.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) message_id: String,
    pub(crate) sequence: i64,
}

/// A message as its receiver gets it.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) sequence: i64,
    pub(crate) message_id: String,
    pub(crate) receipt: Receipt,
    pub(crate) body: String,
    pub(crate) attributes: MessageAttributes,
    pub(crate) trace_header: Option<String>,
    pub(crate) group_id: Option<String>,
    pub(crate) deduplication_id: Option<String>,
    pub(crate) sent_at: i64,
    pub(crate) receives_in_all: i64,
    pub(crate) first_receive_at: i64,
    /// The queue it died in, if it is a dead letter.
    pub(crate) dead_in: Option<String>,
}

/// One receive of one message: only the latest of a message counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    message_id: String,
    secret: String,
}

impl Receipt {
    /// The handle is the two ids, so that an old one can be told from a wrong one.
    pub(crate) fn parse(handle: &str) -> Result<Self, SqsError> {
        let id = |text: &str| Uuid::try_parse(text).ok().map(|id| id.to_string());
        handle
            .split_once('.')
            .and_then(|(message_id, secret)| Some(Self { message_id: id(message_id)?, secret: id(secret)? }))
            .ok_or_else(|| SqsError::ReceiptHandleIsInvalid(handle.to_owned()))
    }

    pub(crate) fn handle(&self) -> String {
        format!("{}.{}", self.message_id, self.secret)
    }
}

/// Puts the message into the queue, unless the queue remembers one with its deduplication id.
pub(crate) fn insert(
    rows: &Transaction<'_>,
    queue: &Queue,
    message: &NewMessage,
    now: i64,
) -> Result<Sent, SqsError> {
    let duplicate_key = duplicate_key(queue, message);
    if let Some(key) = &duplicate_key
        && let Some(sent) = find_duplicate(rows, queue, key, now)?
    {
        return Ok(sent);
    }
    let message_id = fresh_id();
    rows.prepare_cached(
        "INSERT INTO message (queue, message_id, body, attributes, trace_header, group_id, deduplication_id,
                              sent_at, visible_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        queue.name,
        message_id,
        message.body,
        json_of(&message.attributes)?,
        message.trace_header,
        message.group_id,
        message.deduplication_id,
        now,
        now + message.delay_seconds * 1000,
    ])?;
    let sent = Sent { message_id, sequence: rows.last_insert_rowid() };
    if let Some(key) = duplicate_key {
        remember(rows, queue, &key, &sent, now)?;
    }
    Ok(sent)
}

fn duplicate_key(queue: &Queue, message: &NewMessage) -> Option<String> {
    let id = message.deduplication_id.as_ref()?;
    match &message.group_id {
        // Neither id may hold a space, so the key of one pair is not that of another.
        Some(group_id) if queue.attributes.deduplicates_by_group() => Some(format!("{group_id} {id}")),
        _ => Some(id.clone()),
    }
}

fn find_duplicate(
    rows: &Transaction<'_>,
    queue: &Queue,
    key: &str,
    now: i64,
) -> Result<Option<Sent>, SqsError> {
    rows.prepare_cached("DELETE FROM duplicate WHERE queue = ? AND expires_at <= ?")?
        .execute(params![queue.name, now])?;
    let mut statement = rows.prepare_cached(
        "SELECT message_id, sequence FROM duplicate WHERE queue = ? AND deduplication_id = ?",
    )?;
    let sent = |row: &Row<'_>| Ok(Sent { message_id: row.get(0)?, sequence: row.get(1)? });
    Ok(statement.query_row(params![queue.name, key], sent).optional()?)
}

fn remember(rows: &Transaction<'_>, queue: &Queue, key: &str, sent: &Sent, now: i64) -> Result<(), SqsError> {
    rows.prepare_cached(
        "INSERT INTO duplicate (queue, deduplication_id, message_id, sequence, expires_at)
         VALUES (?, ?, ?, ?, ?)",
    )?
    .execute(params![queue.name, key, sent.message_id, sent.sequence, now + DEDUPLICATION_MS])?;
    Ok(())
}

/// Hands out up to `limit` visible messages in order and hides each for `visibility_seconds`.
///
/// In a FIFO queue a group waits while one of its messages is in flight or an earlier one is delayed.
pub(crate) fn receive(
    rows: &Transaction<'_>,
    queue: &Queue,
    limit: i64,
    visibility_seconds: i64,
    now: i64,
) -> Result<Vec<Received>, SqsError> {
    let sequences: Vec<i64> = {
        let mut statement = rows.prepare_cached(if queue.is_fifo() {
            "SELECT sequence FROM message AS m
             WHERE queue = ?1 AND visible_at <= ?2 AND NOT EXISTS (
                 SELECT 1 FROM message AS other
                 WHERE other.queue = ?1 AND other.group_id = m.group_id AND other.visible_at > ?2
                   AND (other.receipt IS NOT NULL OR other.sequence < m.sequence))
             ORDER BY sequence LIMIT ?3"
        } else {
            "SELECT sequence FROM message WHERE queue = ?1 AND visible_at <= ?2 ORDER BY sequence LIMIT ?3"
        })?;
        let found = statement.query_map(params![queue.name, now, limit], |row| row.get(0))?;
        found.collect::<rusqlite::Result<_>>()?
    };
    let hidden_until = now + visibility_seconds * 1000;
    sequences.into_iter().map(|sequence| hand_out(rows, sequence, hidden_until, now)).collect()
}

fn hand_out(
    rows: &Transaction<'_>,
    sequence: i64,
    hidden_until: i64,
    now: i64,
) -> Result<Received, SqsError> {
    let mut statement = rows.prepare_cached(
        "UPDATE message
         SET receipt = ?2, visible_at = ?3, receives = receives + 1, receives_in_all = receives_in_all + 1,
             first_receive_at = coalesce(first_receive_at, ?4)
         WHERE sequence = ?1 RETURNING *",
    )?;
    let secret = fresh_id();
    Ok(statement.query_row(params![sequence, secret, hidden_until, now], received)?)
}

fn received(row: &Row<'_>) -> rusqlite::Result<Received> {
    let message_id: String = row.get("message_id")?;
    Ok(Received {
        sequence: row.get("sequence")?,
        receipt: Receipt { message_id: message_id.clone(), secret: row.get("receipt")? },
        message_id,
        body: row.get("body")?,
        attributes: from_json(&row.get::<_, String>("attributes")?)?,
        trace_header: row.get("trace_header")?,
        group_id: row.get("group_id")?,
        deduplication_id: row.get("deduplication_id")?,
        sent_at: row.get("sent_at")?,
        receives_in_all: row.get("receives_in_all")?,
        first_receive_at: row.get("first_receive_at")?,
        dead_in: row.get("dead_in")?,
    })
}

/// Moves visible messages that were received as often as the policy allows to the dead-letter queue. Returns
/// how many they were.
pub(crate) fn move_exhausted(
    rows: &Transaction<'_>,
    queue: &Queue,
    redrive: &Redrive,
    now: i64,
) -> Result<usize, SqsError> {
    let moved = rows
        .prepare_cached(
            "UPDATE message SET queue = ?1, dead_in = ?2, receives = 0, receipt = NULL, visible_at = ?3
             WHERE queue = ?2 AND visible_at <= ?3 AND receives >= ?4 AND receives > 0
               AND EXISTS (SELECT 1 FROM queue WHERE name = ?1)",
        )?
        .execute(params![redrive.dead_letter_queue, queue.name, now, redrive.max_receives])?;
    Ok(moved)
}

/// Deletes the messages that are older than the queue keeps any.
pub(crate) fn delete_expired(rows: &Transaction<'_>, queue: &Queue, now: i64) -> Result<(), SqsError> {
    let kept_since = now - queue.attributes.number("MessageRetentionPeriod") * 1000;
    rows.prepare_cached("DELETE FROM message WHERE queue = ? AND sent_at < ?")?
        .execute(params![queue.name, kept_since])?;
    Ok(())
}

/// Deletes the message if this is its latest receipt. An older one, or one of a message that is gone, changes
/// nothing, which is not an error; in a FIFO queue a receipt ends with its visibility timeout.
pub(crate) fn delete(
    rows: &Transaction<'_>,
    queue: &Queue,
    receipt: &Receipt,
    now: i64,
) -> Result<(), SqsError> {
    let visible_at = visible_at(rows, queue, receipt)?;
    if queue.is_fifo() && visible_at.is_some_and(|visible_at| visible_at <= now) {
        return Err(SqsError::invalid(format!(
            "Value {} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
            receipt.handle()
        )));
    }
    rows.prepare_cached("DELETE FROM message WHERE queue = ? AND message_id = ? AND receipt = ?")?
        .execute(params![queue.name, receipt.message_id, receipt.secret])?;
    Ok(())
}

/// Hides the message for `seconds` from now, or shows it at once if they are 0.
pub(crate) fn set_visibility(
    rows: &Transaction<'_>,
    queue: &Queue,
    receipt: &Receipt,
    seconds: i64,
    now: i64,
) -> Result<(), SqsError> {
    match visible_at(rows, queue, receipt)? {
        Some(visible_at) if visible_at > now => {}
        Some(_) => return Err(SqsError::MessageNotInflight),
        None => {
            return Err(SqsError::invalid(format!(
                "Value {} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not \
                 available for visibility timeout change.",
                receipt.handle()
            )));
        }
    }
    rows.prepare_cached("UPDATE message SET visible_at = ? WHERE message_id = ?")?
        .execute(params![now + seconds * 1000, receipt.message_id])?;
    Ok(())
}

/// When the message of this receipt becomes visible; `None` if it is gone or was received again since.
fn visible_at(rows: &Transaction<'_>, queue: &Queue, receipt: &Receipt) -> Result<Option<i64>, SqsError> {
    let mut statement = rows.prepare_cached(
        "SELECT visible_at FROM message WHERE queue = ? AND message_id = ? AND receipt = ?",
    )?;
    let key = params![queue.name, receipt.message_id, receipt.secret];
    Ok(statement.query_row(key, |row| row.get(0)).optional()?)
}

/// Deletes every message of the queue.
pub(crate) fn purge(rows: &Transaction<'_>, queue: &Queue) -> Result<(), SqsError> {
    rows.prepare_cached("DELETE FROM message WHERE queue = ?")?.execute([&queue.name])?;
    Ok(())
}

/// How many messages of a queue can be received, are with a receiver, and are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: i64,
    pub(crate) in_flight: i64,
    pub(crate) delayed: i64,
}

pub(crate) fn count(rows: &Transaction<'_>, queue: &Queue, now: i64) -> Result<Counts, SqsError> {
    let mut statement = rows.prepare_cached(
        "SELECT count(*) FILTER (WHERE visible_at <= ?2),
                count(*) FILTER (WHERE visible_at > ?2 AND receipt IS NOT NULL),
                count(*) FILTER (WHERE visible_at > ?2 AND receipt IS NULL)
         FROM message WHERE queue = ?1",
    )?;
    let counts =
        |row: &Row<'_>| Ok(Counts { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? });
    Ok(statement.query_row(params![queue.name, now], counts)?)
}
