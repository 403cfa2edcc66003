//! The grants of one user that may hold, in one row: what a request reads.

use bespin_policies::{Dimension, Quotas};
use bespin_primitives::{GrantId, Micros, Random, Timestamp};
use bespin_table::{CorruptItem, Item, Row};
use serde::{Deserialize, Serialize};

use crate::{
    Grant,
    grant::{covers, holds_at},
};

/// What the row keeps of one grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveGrant {
    pub(crate) id: GrantId,
    pub(crate) bundle_id: String,
    pub(crate) additions: Quotas,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) purchase_amount: Option<Micros>,
    pub(crate) created_at: Timestamp,
}

/// The grants of one user that nobody took back, and whose time was not over at the last change; oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveGrants {
    pub(crate) grants: Vec<LiveGrant>,
    pub(crate) version: u64,
}

impl From<&Grant> for LiveGrant {
    fn from(grant: &Grant) -> Self {
        Self {
            id: grant.id,
            bundle_id: grant.bundle_id.clone(),
            additions: grant.additions,
            expires_at: grant.expires_at,
            purchase_amount: grant.purchase_amount,
            created_at: grant.created_at,
        }
    }
}

impl LiveGrants {
    /// Those that hold at `now`.
    pub(crate) fn valid_at(&self, now: Timestamp) -> impl Iterator<Item = &LiveGrant> {
        self.grants.iter().filter(move |grant| holds_at(grant.expires_at, now))
    }

    /// What they add in a bundle at `now`, all together; `None` where none of them holds there.
    pub(crate) fn additions(&self, bundle: &str, now: Timestamp) -> Option<Quotas> {
        let in_scope = self.valid_at(now).filter(|grant| covers(&grant.bundle_id, bundle));
        in_scope.map(|grant| grant.additions).reduce(|sum, more| sum.and(&more))
    }

    /// The same without those whose time is over, and without some. The version is drawn, not counted: the store may
    /// delete the row, and one that is made anew must not be taken for the old one.
    pub(crate) fn without(&self, gone: &[GrantId], now: Timestamp, random: &dyn Random) -> Self {
        let grants = self.valid_at(now).filter(|grant| !gone.contains(&grant.id)).cloned().collect();
        Self { grants, version: random.below(u64::MAX) }
    }
}

/// One grant as it stands in the row.
#[derive(Serialize, Deserialize)]
struct Stored {
    id: String,
    bundle: String,
    add: [Option<u64>; 7],
    #[serde(skip_serializing_if = "Option::is_none", default)]
    end: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    paid: Option<u64>,
    at: i64,
}

impl Row for LiveGrants {
    fn write(&self, item: &mut Item) {
        let stored: Vec<Stored> = self.grants.iter().map(Stored::from).collect();
        // Plain data always have a JSON text.
        item.set("grants", &serde_json::to_string(&stored).unwrap_or_default());
        item.set("version", &self.version);
        // When all of them are over the row says nothing any more, and the store may delete it.
        let ends: Option<Vec<Timestamp>> = self.grants.iter().map(|grant| grant.expires_at).collect();
        let last_end = ends.and_then(|ends| ends.into_iter().max());
        item.set_some("expires_at", last_end.map(|end| end.epoch_seconds() + 1).as_ref());
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let text: String = item.get("grants")?;
        let stored: Vec<Stored> = serde_json::from_str(&text).map_err(|_| item.corrupt("grants"))?;
        let grants = stored.into_iter().map(|stored| stored.read().ok_or_else(|| item.corrupt("grants")));
        Ok(Self { grants: grants.collect::<Result<_, _>>()?, version: item.get("version")? })
    }
}

impl From<&LiveGrant> for Stored {
    fn from(grant: &LiveGrant) -> Self {
        Self {
            id: grant.id.to_string(),
            bundle: grant.bundle_id.clone(),
            add: Dimension::ALL.map(|dimension| grant.additions.get(dimension)),
            end: grant.expires_at.map(Timestamp::micros),
            paid: grant.purchase_amount.map(Micros::get),
            at: grant.created_at.micros(),
        }
    }
}

impl Stored {
    fn read(self) -> Option<LiveGrant> {
        let numbers = Dimension::ALL.into_iter().zip(self.add);
        Some(LiveGrant {
            id: GrantId::parse(&self.id)?,
            bundle_id: self.bundle,
            additions: numbers
                .fold(Quotas::default(), |all, (dimension, number)| all.with(dimension, number)),
            expires_at: match self.end {
                Some(micros) => Some(Timestamp::from_micros(micros)?),
                None => None,
            },
            purchase_amount: self.paid.map(Micros::new),
            created_at: Timestamp::from_micros(self.at)?,
        })
    }
}
