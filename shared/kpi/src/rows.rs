//! How definitions, heads and leaves stand in their rows.

use bespin_table::{CorruptItem, Item, Row};

use crate::{Kpi, Leaf, Point, StoredLeaf};

/// What is known of a whole series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesHead {
    /// Moves with every ingest.
    pub(crate) version: u64,
    /// The newest point.
    pub(crate) latest: Point,
    /// How many pages of a wide ingest are not yet in their leaves; 0 nearly always.
    pub(crate) journal_pages: u32,
    /// The version at which the last wide ingest was finished; 0 when there was none.
    pub(crate) settled_at: u64,
}

impl SeriesHead {
    /// The newest point of the series.
    pub fn latest(&self) -> &Point {
        &self.latest
    }

    /// Whether the points of a wide ingest are promised and not all in their leaves: whoever sees this finishes it
    /// ([`Kpis::roll_forward`](crate::Kpis::roll_forward)) before anything else.
    pub fn is_pending(&self) -> bool {
        self.journal_pages > 0
    }

    /// Whether, since `earlier`, the leaves may have shown a wide ingest half brought in.
    pub(crate) fn was_unsettled_since(&self, earlier: &Self) -> bool {
        self.is_pending() || self.settled_at > earlier.version
    }
}

impl Row for Kpi {
    fn write(&self, item: &mut Item) {
        item.set("kpi_id", &self.id);
        item.set("name", &self.name);
        item.set_some("unit", self.unit.as_ref());
        item.set_some("description", self.description.as_ref());
        item.set("created_at", &self.created_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        Ok(Self {
            id: item.get("kpi_id")?,
            name: item.get("name")?,
            unit: item.get_some("unit")?,
            description: item.get_some("description")?,
            created_at: item.get("created_at")?,
        })
    }
}

impl Row for SeriesHead {
    fn write(&self, item: &mut Item) {
        item.set("version", &self.version);
        item.set("latest", &packed([self.latest.clone()]));
        item.set("journal_pages", &self.journal_pages);
        item.set("settled_at", &self.settled_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let latest = unpacked(item, "latest")?;
        Ok(Self {
            version: item.get("version")?,
            latest: latest.last().cloned().ok_or_else(|| item.corrupt("latest"))?,
            journal_pages: item.get("journal_pages")?,
            settled_at: item.get("settled_at")?,
        })
    }
}

/// The leaf of a row. The head's version stands for its own.
pub(crate) fn stored_leaf(item: &Item) -> Result<StoredLeaf<()>, CorruptItem> {
    let bytes: Vec<u8> = item.get("points")?;
    let leaf = Leaf::decode(&bytes).map_err(|_| item.corrupt("points"))?;
    Ok(StoredLeaf { key: item.get("first")?, version: (), leaf })
}

pub(crate) fn packed(points: impl IntoIterator<Item = Point>) -> Vec<u8> {
    let mut leaf = Leaf::default();
    leaf.insert(points);
    leaf.encode()
}

pub(crate) fn unpacked(item: &Item, attribute: &str) -> Result<Vec<Point>, CorruptItem> {
    let bytes: Vec<u8> = item.get(attribute)?;
    let leaf = Leaf::decode(&bytes).map_err(|_| item.corrupt(attribute))?;
    Ok(leaf.points().to_vec())
}
