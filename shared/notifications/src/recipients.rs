//! Who hears of a brief, in the order in which they do: users who saved preferences, then users who never did, each by
//! their creation; those who opted out are left out (gateway.md 9).

use std::collections::VecDeque;

use bespin_access::TenantAccess;
use bespin_primitives::{Timestamp, UserId};
use bespin_table::{Cursor, Item, Key, Query, Range, Table, TableError, keys};

use crate::prefs::{ENABLED, SAVED_AT};

/// How many users are read at a time.
const PAGE: usize = 500;

/// How far a run came: the last row that it is done with, if any, of the group that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Among the users who saved preferences.
    Saved(Option<String>),
    /// Among all users, of whom those who never saved any are taken.
    Unsaved(Option<String>),
    /// Behind the last user.
    End,
}

impl Place {
    fn range(&self, access: &TenantAccess) -> Option<Range> {
        match self {
            Self::Saved(_) => Some(keys::notification_prefs_by_creation(access.tenant_id())),
            Self::Unsaved(_) => Some(keys::users_by_creation(access.tenant_id())),
            Self::End => None,
        }
    }

    fn behind(&self) -> Option<&String> {
        match self {
            Self::Saved(behind) | Self::Unsaved(behind) => behind.as_ref(),
            Self::End => None,
        }
    }

    /// The same group behind this row.
    fn at(&self, sk: &str) -> Self {
        match self {
            Self::Saved(_) => Self::Saved(Some(sk.to_owned())),
            Self::Unsaved(_) => Self::Unsaved(Some(sk.to_owned())),
            Self::End => Self::End,
        }
    }

    /// The beginning of the next group.
    fn next_group(&self) -> Self {
        match self {
            Self::Saved(_) => Self::Unsaved(None),
            Self::Unsaved(_) | Self::End => Self::End,
        }
    }
}

/// One user to be notified, and where the run stands when it is done with this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) user_id: UserId,
    pub(crate) behind: Place,
}

/// The recipients from a place on, read ahead page by page.
#[derive(Debug)]
pub(crate) struct Recipients {
    ahead: VecDeque<Recipient>,
    /// Behind the last recipient that is done with.
    done: Place,
    /// Behind the last row that was read.
    place: Place,
    /// When the run began: who saved preferences later counts as one who had not.
    began_at: Timestamp,
}

impl Recipients {
    pub(crate) fn from(place: Place, began_at: Timestamp) -> Self {
        Self { ahead: VecDeque::new(), done: place.clone(), place, began_at }
    }

    /// Reads until `wanted` recipients are ahead, or all there are, or `pages` pages were read.
    pub(crate) async fn look_ahead(
        &mut self,
        table: &Table,
        access: &TenantAccess,
        wanted: usize,
        pages: usize,
    ) -> Result<(), TableError> {
        for _ in 0..pages {
            if self.ahead.len() >= wanted {
                return Ok(());
            }
            let Some(range) = self.place.range(access) else { return Ok(()) };
            let behind = self.place.behind();
            let after = behind.map(|sk| Cursor::behind(&Key { pk: range.pk.clone(), sk: sk.clone() }));
            let page = table.query(Query::of(range).limit(PAGE).after(after)).await?;
            for row in &page.items {
                self.place = self.place.at(row.sk());
                if self.takes(row)? {
                    let (user_id, behind) = (row.get("user_id")?, self.place.clone());
                    self.ahead.push_back(Recipient { user_id, behind });
                }
            }
            if page.next.is_none() {
                self.place = self.place.next_group();
            }
        }
        Ok(())
    }

    /// Whether the user of this row is a recipient in the group at hand. By when preferences were saved first, each
    /// user is in one group for the whole of a run, so who saves some meanwhile is neither missed nor met twice.
    fn takes(&self, row: &Item) -> Result<bool, TableError> {
        let saved_at: Option<Timestamp> = row.get_some(SAVED_AT)?;
        let saved_before = saved_at.is_some_and(|saved_at| saved_at <= self.began_at);
        let enabled = row.get_some(ENABLED)?.unwrap_or(true);
        Ok(enabled && saved_before == matches!(self.place, Place::Saved(_)))
    }

    /// Those that were read and are not done with.
    pub(crate) fn ahead(&self) -> impl ExactSizeIterator<Item = &Recipient> {
        self.ahead.iter()
    }

    /// Where the run stands when it is done with the first `count` of those ahead. Behind the last of them lies all that
    /// was read, though nobody was found there.
    pub(crate) fn place_after(&self, count: usize) -> Place {
        if count >= self.ahead.len() {
            return self.place.clone();
        }
        let last = count.checked_sub(1).and_then(|last| self.ahead.get(last));
        last.map_or_else(|| self.done.clone(), |last| last.behind.clone())
    }

    /// Is done with the first `count` of those ahead.
    pub(crate) fn done_with(&mut self, count: usize) {
        self.done = self.place_after(count);
        self.ahead.drain(..count.min(self.ahead.len()));
    }
}
