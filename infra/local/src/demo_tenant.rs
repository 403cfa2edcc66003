//! The tenant that a first start makes, so that there is something to call with.

use bespin_access::NewTenant;
use bespin_entitlements::start_tenant;
use bespin_primitives::{Clock, SystemClock};
use bespin_table::Transaction;
use serde::{Deserialize, Serialize};

use crate::{Cloud, LocalError};

const FILE: &str = "demo-tenant.json";

/// The credentials of the demo tenant. Kept in clear in the data folder, which no other tenant's are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoTenant {
    /// `X-Tenant-ID`.
    pub tenant_id: String,
    /// `X-User-ID`.
    pub user_id: String,
    /// `X-API-Key`.
    pub api_key: String,
}

impl DemoTenant {
    /// The demo tenant of this cloud, made if there is none yet.
    pub async fn of(cloud: &Cloud) -> Result<Self, LocalError> {
        let stored = cloud.folder().map(|folder| folder.read(FILE)).transpose()?.flatten();
        if let Some(text) = stored {
            return serde_json::from_str(&text).map_err(|error| LocalError::Damaged {
                file: cloud.folder().map(|folder| folder.path().join(FILE)).unwrap_or_default(),
                reason: error.to_string(),
            });
        }
        let tenant = Self::found(cloud).await?;
        if let Some(folder) = cloud.folder() {
            folder.write(FILE, &serde_json::json!(tenant).to_string())?;
        }
        Ok(tenant)
    }

    async fn found(cloud: &Cloud) -> Result<Self, LocalError> {
        let deps = cloud.deps();
        let now = SystemClock.now();
        let order = NewTenant {
            name: "Demo".to_owned(),
            region: "local".to_owned(),
            admin_email: "demo@example.com".to_owned(),
        };
        let mut transaction = Transaction::new();
        let founded = deps.access.found_tenant(&mut transaction, order, now);
        start_tenant(&mut transaction, founded.tenant.id, now);
        deps.table.commit(transaction).await.map_err(|error| LocalError::DemoTenant(error.to_string()))?;
        Ok(Self {
            tenant_id: founded.tenant.id.to_string(),
            user_id: founded.admin.id.to_string(),
            api_key: founded.api_key.reveal().to_owned(),
        })
    }
}
