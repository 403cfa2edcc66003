//! Where a page ends.

use bespin_primitives::TenantId;
use bespin_table::Cursor;

use crate::{Kind, level::Level};

/// A place on one level of a walk: behind an item, and behind so many rows of the item that follows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Step {
    pub(crate) behind: Option<Cursor>,
    pub(crate) rows: usize,
}

/// Where a page ends and the next begins: a place on every level, from all tenants down to the rows. The item on a level
/// that has another level below is the one whose rows are being walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(pub(crate) Vec<Step>);

impl Place {
    /// Reads what [`Place`]'s `Display` printed for this kind, and the same tenant or none; `None` for anything else.
    pub fn parse(text: &str, kind: Kind, tenant: Option<TenantId>) -> Option<Self> {
        let mut level = Level::top(kind, tenant);
        let mut steps = Vec::new();
        let parts: Vec<&str> = text.split('.').collect();
        for (number, part) in parts.iter().enumerate() {
            let (behind, rows) = part.split_once('~').unwrap_or((part, "0"));
            let rows = rows.parse().ok()?;
            let behind = match behind {
                "" => None,
                text => Some(Cursor::parse(text, &level.range())?),
            };
            if number + 1 < parts.len() {
                level = level.below(kind, behind.as_ref()?)?;
            }
            steps.push(Step { behind, rows });
        }
        Some(Self(steps))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, Step { behind, rows }) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(".")?;
            }
            if let Some(behind) = behind {
                write!(f, "{behind}")?;
            }
            if *rows > 0 {
                write!(f, "~{rows}")?;
            }
        }
        Ok(())
    }
}
