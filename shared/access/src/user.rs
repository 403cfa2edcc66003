//! The user: it acts in one tenant.

use bespin_primitives::{TenantId, Timestamp, UserId};
use bespin_table::{CorruptItem, Item, Row};

/// What a user may do in its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// May change things.
    Admin,
    /// May read, and use the chat.
    Member,
}

impl Role {
    /// Both spellings.
    pub const NAMES: [&str; 2] = ["admin", "member"];

    /// Reads `admin` or `member`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "admin" => Some(Self::Admin),
            "member" => Some(Self::Member),
            _ => None,
        }
    }

    /// The spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }
}

/// One user of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id, unique over all tenants.
    pub id: UserId,
    /// Where it acts.
    pub tenant_id: TenantId,
    /// A valid address, not unique.
    pub email: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Row for User {
    fn write(&self, item: &mut Item) {
        item.set("user_id", &self.id);
        item.set("tenant_id", &self.tenant_id);
        item.set("email", &self.email);
        item.set("role", &self.role.name().to_owned());
        item.set("created_at", &self.created_at);
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        Ok(Self {
            id: item.get("user_id")?,
            tenant_id: item.get("tenant_id")?,
            email: item.get("email")?,
            role: Role::parse(&item.get::<String>("role")?).ok_or_else(|| item.corrupt("role"))?,
            created_at: item.get("created_at")?,
        })
    }
}
