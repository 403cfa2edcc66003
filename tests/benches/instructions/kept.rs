//! What was counted when it was last kept.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::{Deserialize, Serialize};

/// The counts, by path, and what they were counted by.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) by: String,
    pub(crate) instructions: BTreeMap<String, u64>,
}

impl Kept {
    /// Nothing where nothing was kept yet.
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(file());
        text.map_or_else(|_| Self::default(), |text| serde_json::from_str(&text).expect("a file of ours"))
    }

    pub(crate) fn write(&self) {
        let text = serde_json::to_string_pretty(self).expect("names and numbers");
        fs::write(file(), text + "\n").unwrap();
    }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/instructions.json")
}
