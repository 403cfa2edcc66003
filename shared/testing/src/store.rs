//! The embedded store.

use std::sync::Arc;

use bespin_access::{Access, Action, ApiKey, Credentials, FoundedTenant, NewTenant, Pepper, TenantAccess};
use bespin_embedded::{Embedded, Faults};
use bespin_primitives::{Clock, Random, SeededRandom, Timestamp};
use bespin_table::{Table, Transaction};

use crate::StoppedClock;

/// A table of its own, in memory, with a clock that stands still and repeatable randomness.
#[derive(Debug, Clone)]
pub struct Store {
    /// The table.
    pub table: Table,
    /// The clock that everything over the table asks.
    pub clock: StoppedClock,
    /// Where ids and waits come from.
    pub random: Arc<dyn Random>,
    embedded: Embedded,
}

impl Store {
    /// An empty table at `2026-02-10T12:00:00Z`.
    pub async fn open() -> Self {
        let embedded = Embedded::open_in_memory().unwrap();
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(1));
        let table = Table::new(&embedded.connection(), "bespin", Arc::clone(&random));
        table.create_if_absent().await.unwrap();
        Self { table, clock: StoppedClock::at(at("2026-02-10T12:00:00Z")), random, embedded }
    }

    /// What goes wrong between the SDK and the table.
    pub fn faults(&self) -> &Faults {
        self.embedded.faults()
    }

    /// Another process over the same table: the same secrets, nothing remembered.
    pub fn access(&self) -> Access {
        let pepper = Pepper::parse("a pepper for tests").unwrap();
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        Access::new(self.table.clone(), clock, Arc::clone(&self.random), pepper, "test".to_owned())
    }

    /// A new tenant with an admin and a key, and nothing else.
    pub async fn found(&self, access: &Access) -> FoundedTenant {
        let mut transaction = Transaction::new();
        let order = NewTenant {
            name: "Acme".to_owned(),
            region: "eu-west-1".to_owned(),
            admin_email: "owner@example.com".to_owned(),
        };
        let founded = access.found_tenant(&mut transaction, order, self.clock.now());
        self.table.commit(transaction).await.unwrap();
        founded
    }

    /// The proof that the admin of a new tenant may act.
    pub async fn tenant_access(&self) -> TenantAccess {
        let access = self.access();
        let founded = self.found(&access).await;
        let caller =
            access.authenticate(&credentials(&founded, &founded.api_key), self.clock.now()).await.unwrap();
        caller.authorise(Action::CreateKpi).unwrap()
    }
}

/// What the admin of a tenant sends with a key.
pub fn credentials(founded: &FoundedTenant, api_key: &ApiKey) -> Credentials {
    Credentials {
        tenant_id: founded.tenant.id.to_string(),
        user_id: founded.admin.id.to_string(),
        api_key: api_key.reveal().to_owned(),
    }
}

/// An instant as RFC 3339 writes it.
pub fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("an RFC 3339 date-time")
}
