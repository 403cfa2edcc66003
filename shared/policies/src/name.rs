//! Names that a tenant gives: projects, bundles, users of its own, kinds of users, providers.

use std::fmt;

/// The longest name, in characters.
pub const MAX_NAME: usize = 255;

/// What stands for every bundle in a stored record.
pub const EVERY_BUNDLE: &str = "*";

/// A project of a tenant: what is counted and limited in one says nothing about another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Project(String);

impl Project {
    /// A project by its name, of 1 to [`MAX_NAME`] characters; `None` for another text.
    pub fn parse(name: &str) -> Option<Self> {
        (1..=MAX_NAME).contains(&name.chars().count()).then(|| Self(name.to_owned()))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Project {
    /// The one that is meant where none is named.
    fn default() -> Self {
        Self("main".to_owned())
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
