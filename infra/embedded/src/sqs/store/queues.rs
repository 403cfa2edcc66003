use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::sqs::attributes::Attributes;
use crate::sqs::error::SqsError;

/// A queue. Its name is its identity: all queues belong to one account and region.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) attributes: Attributes,
    pub(crate) created_at: i64,
    pub(crate) modified_at: i64,
}

impl Queue {
    pub(crate) fn is_fifo(&self) -> bool {
        self.attributes.is("FifoQueue")
    }
}

pub(crate) fn insert(rows: &Transaction<'_>, queue: &Queue) -> Result<(), SqsError> {
    let attributes = json_of(&queue.attributes)?;
    rows.prepare_cached("INSERT INTO queue (name, attributes, created_at, modified_at) VALUES (?, ?, ?, ?)")?
        .execute(params![queue.name, attributes, queue.created_at, queue.modified_at])?;
    Ok(())
}

pub(crate) fn set_attributes(
    rows: &Transaction<'_>,
    name: &str,
    attributes: &Attributes,
    now: i64,
) -> Result<(), SqsError> {
    rows.prepare_cached("UPDATE queue SET attributes = ?, modified_at = ? WHERE name = ?")?
        .execute(params![json_of(attributes)?, now, name])?;
    Ok(())
}

/// Deletes the queue with its messages.
pub(crate) fn delete(rows: &Transaction<'_>, name: &str) -> Result<(), SqsError> {
    rows.prepare_cached("DELETE FROM queue WHERE name = ?")?.execute([name])?;
    Ok(())
}

pub(crate) fn find(rows: &Transaction<'_>, name: &str) -> Result<Option<Queue>, SqsError> {
    let mut statement = rows.prepare_cached("SELECT * FROM queue WHERE name = ?")?;
    Ok(statement.query_row([name], queue).optional()?)
}

/// Up to `limit` queues whose names begin with `prefix` and come after `after`, by name.
pub(crate) fn list(
    rows: &Transaction<'_>,
    prefix: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Queue>, SqsError> {
    let mut statement = rows.prepare_cached(
        "SELECT * FROM queue WHERE substr(name, 1, length(?1)) = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
    )?;
    let found = statement.query_map(params![prefix, after, limit], queue)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The queues that send their dead letters to `name`.
pub(crate) fn sources_of(rows: &Transaction<'_>, name: &str) -> Result<Vec<Queue>, SqsError> {
    let all = list(rows, "", "", i64::MAX)?;
    let sends_to = |queue: &Queue| queue.attributes.redrive().is_some_and(|to| to.dead_letter_queue == name);
    Ok(all.into_iter().filter(sends_to).collect())
}

fn queue(row: &Row<'_>) -> rusqlite::Result<Queue> {
    Ok(Queue {
        name: row.get("name")?,
        attributes: from_json(&row.get::<_, String>("attributes")?)?,
        created_at: row.get("created_at")?,
        modified_at: row.get("modified_at")?,
    })
}

pub(super) fn json_of(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}
