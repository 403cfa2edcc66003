//! The tenant: it owns the data.

use bespin_primitives::{TenantId, Timestamp};
use bespin_table::{CorruptItem, Item, Row};

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// 1 to 255 characters, not unique.
    pub name: String,
    /// 1 to 50 characters, free text.
    pub region: String,
    /// When it signed up.
    pub created_at: Timestamp,
}

impl Row for Tenant {
    fn write(&self, item: &mut Item) {
        item.set("tenant_id", &self.id);
        item.set("name", &self.name);
        item.set("region", &self.region);
        item.set("created_at", &self.created_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        Ok(Self {
            id: item.get("tenant_id")?,
            name: item.get("name")?,
            region: item.get("region")?,
            created_at: item.get("created_at")?,
        })
    }
}
