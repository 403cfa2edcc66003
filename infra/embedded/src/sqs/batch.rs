//! What the batch actions share: limits on the entries, and an outcome for each.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::SqsError;

const MAX_ENTRIES: usize = 10;
const MAX_ID_LENGTH: usize = 80;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Batch {
    pub(crate) queue_url: String,
    #[serde(default)]
    entries: Vec<Value>,
}

pub(crate) struct Entry<T> {
    id: String,
    pub(crate) action: T,
}

impl Batch {
    /// The entries, if they are few enough and can be told apart.
    pub(crate) fn into_entries<T: DeserializeOwned>(self) -> Result<Vec<Entry<T>>, SqsError> {
        match self.entries.len() {
            0 => return Err(SqsError::EmptyBatchRequest),
            1..=MAX_ENTRIES => {}
            count => return Err(SqsError::TooManyEntriesInBatchRequest(count)),
        }
        let entries = self.entries.into_iter().map(entry).collect::<Result<Vec<Entry<T>>, _>>()?;
        let mut seen = HashSet::new();
        match entries.iter().find(|entry| !seen.insert(entry.id.as_str())) {
            Some(twice) => Err(SqsError::BatchEntryIdsNotDistinct(twice.id.clone())),
            None => Ok(entries),
        }
    }
}

fn entry<T: DeserializeOwned>(entry: Value) -> Result<Entry<T>, SqsError> {
    let id = entry["Id"].as_str().unwrap_or_default().to_owned();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(1..=MAX_ID_LENGTH).contains(&id.len()) || !id.bytes().all(allowed) {
        return Err(SqsError::InvalidBatchEntryId);
    }
    let action = serde_json::from_value(entry).map_err(|error| SqsError::Unreadable(error.to_string()))?;
    Ok(Entry { id, action })
}

/// Runs the entries one by one. A refusal concerns its entry; a failure of the store undoes them all.
pub(crate) fn run_each<T>(
    entries: Vec<Entry<T>>,
    mut run: impl FnMut(T) -> Result<Value, SqsError>,
) -> Result<Value, SqsError> {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for Entry { id, action } in entries {
        match run(action) {
            Ok(mut done) => {
                done["Id"] = json!(id);
                successful.push(done);
            }
            Err(error @ SqsError::Storage(_)) => return Err(error),
            Err(refused) => failed.push(refused.into_failed_entry(&id)),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}
