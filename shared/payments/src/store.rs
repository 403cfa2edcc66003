//! Taking deliveries in, and trying stored ones again.

use bespin_access::{OperatedTenant, PlatformAccess, TenantScope, Tenants};
use bespin_audit::{AuditActor, Author};
use bespin_grants::{Grant, GrantError, Grants, Issued, Once};
use bespin_primitives::{Random, RequestId, TenantId, Timestamp};
use bespin_table::{
    CommitError, Condition, Cursor, Item, Key, Query, Range, Row, Slot, Table, TableError, Transaction, keys,
};

use crate::{
    Delivery, Event, MalformedEvent, Outcome, PaymentError, StripeSettings,
    event::{Payment, Ungranted, failed},
};

/// The provider, as the audit names it.
const PROVIDER: &str = "stripe";

/// How many deliveries one page looks at to find those of one outcome.
const MAX_EXAMINED: usize = 2_000;

/// How many are asked of the store at a time then.
const STORE_PAGE: usize = 200;

/// Payments, by way of the table.
#[derive(Debug, Clone)]
pub struct Payments {
    table: Table,
    tenants: Tenants,
    grants: Grants,
    settings: StripeSettings,
}

/// In which request a delivery comes, and when.
#[derive(Debug, Clone, Copy)]
pub struct Receipt<'a> {
    /// The request.
    pub request_id: RequestId,
    /// When.
    pub now: Timestamp,
    /// Where ids come from.
    pub random: &'a dyn Random,
}

/// Whose deliveries are looked at.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryScope {
    tenant_id: Option<TenantId>,
}

impl DeliveryScope {
    /// Those of a tenant.
    pub fn of_tenant(tenant: &impl TenantScope) -> Self {
        Self { tenant_id: Some(tenant.tenant_id()) }
    }

    /// Those that belong to no tenant, which only the operator sees.
    pub fn of_nobody(_: &PlatformAccess) -> Self {
        Self { tenant_id: None }
    }

    /// The rows it is about, for reading a cursor.
    pub fn range(&self) -> Range {
        keys::payment_deliveries(self.tenant_id)
    }
}

/// Where a delivery stands before something becomes of it.
enum Stored {
    /// Nowhere yet.
    New,
    /// There; it is to be replaced as it was read.
    At(Key),
}

impl Payments {
    /// Over `table`. Whoever changes grants here and elsewhere shares `grants`, so that a payment shows at once.
    pub fn new(table: Table, tenants: Tenants, grants: Grants, settings: StripeSettings) -> Self {
        Self { table, tenants, grants, settings }
    }

    /// Takes in a genuine delivery: grants what it pays for, once for each payment, and stores it with its outcome. What
    /// can never be granted is an outcome, too; only what may succeed later is an error.
    pub async fn receive(
        &self,
        payload: &[u8],
        event: Result<&Event, MalformedEvent>,
        receipt: Receipt<'_>,
    ) -> Result<Delivery, TableError> {
        let Receipt { request_id, now, random } = receipt;
        let delivery = Delivery::new(payload, event.ok(), random, now);
        let actor = AuditActor::PaymentProvider(PROVIDER.to_owned());
        let author = Author { actor, request_id, now, random };
        match event {
            Ok(event) => self.settle(&author, delivery, event, None, Stored::New).await,
            Err(malformed) => self.file(delivery, failed(malformed.to_string()), &Stored::New).await,
        }
    }

    /// Tries a stored delivery again, by the settings as they are now. One that was granted stays as it is, and a tenant's
    /// stays that tenant's.
    pub async fn replay(
        &self,
        author: &Author<'_>,
        scope: DeliveryScope,
        delivery_id: &str,
    ) -> Result<Delivery, PaymentError> {
        let not_found = || PaymentError::NotFound { delivery_id: delivery_id.to_owned() };
        if !Delivery::is_id(delivery_id) {
            return Err(not_found());
        }
        let key = keys::payment_delivery(scope.tenant_id, delivery_id);
        let row = self.table.get(key.clone()).await?.ok_or_else(not_found)?;
        let stored = Delivery::read(&row).map_err(TableError::from)?;
        if stored.outcome == Outcome::Granted {
            return Ok(stored);
        }
        let again = Delivery { replays: stored.replays + 1, replayed_at: Some(author.now), ..stored };
        let stored = Stored::At(key);
        Ok(match Event::parse(again.payload.as_bytes()) {
            Ok(event) => self.settle(author, again, &event, scope.tenant_id, stored).await?,
            Err(malformed) => self.file(again, failed(malformed.to_string()), &stored).await?,
        })
    }

    /// Makes of a delivery what it comes to.
    async fn settle(
        &self,
        author: &Author<'_>,
        mut delivery: Delivery,
        event: &Event,
        of_tenant: Option<TenantId>,
        stored: Stored,
    ) -> Result<Delivery, TableError> {
        let tenant = self.tenant_of(event, of_tenant).await?;
        delivery.tenant_id = tenant.as_ref().ok().map(TenantScope::tenant_id);
        let payment = match event.worth(self.settings.check_price) {
            Ok(payment) => payment,
            Err(ungranted) => return self.file(delivery, ungranted, &stored).await,
        };
        let tenant = match tenant {
            Ok(tenant) => tenant,
            Err(ungranted) => return self.file(delivery, ungranted, &stored).await,
        };
        delivery.outcome = Outcome::Granted;
        delivery.message = format!("Credits granted to user {}", payment.order.user_id);
        let once = OncePaid { payment: &payment, delivery: &delivery, stored: &stored };
        let issued = self.grants.issue(author, &tenant, &payment.project, &payment.order, Some(&once)).await;
        match issued {
            Ok(Issued::Now(grant)) => Ok(Delivery { grant_id: Some(grant.id), ..delivery }),
            Ok(Issued::Before(mark)) => {
                let delivery = Delivery { grant_id: mark.get_some("grant_id")?, ..delivery };
                let message = format!("Payment {} was granted before", payment.id);
                self.file(delivery, Ungranted { outcome: Outcome::Duplicate, message }, &stored).await
            }
            Err(GrantError::Table(error)) => Err(error),
            Err(error @ (GrantError::TooMany | GrantError::OtherBody(_))) => {
                let message = format!("Parked for review: {error}");
                self.file(delivery, Ungranted { outcome: Outcome::Parked, message }, &stored).await
            }
        }
    }

    /// Whose payment it is: the tenant's that it names, or else the one that the settings name.
    async fn tenant_of(
        &self,
        event: &Event,
        of_tenant: Option<TenantId>,
    ) -> Result<Result<OperatedTenant, Ungranted>, TableError> {
        let named = event.metadata("tenant");
        let tenant_id = match (of_tenant, named) {
            (Some(tenant_id), _) => Some(tenant_id),
            (None, Some(named)) => TenantId::parse(named),
            (None, None) => self.settings.tenant,
        };
        let tenant = match tenant_id {
            Some(tenant_id) => self.tenants.paid(tenant_id).await?,
            None => None,
        };
        Ok(tenant.ok_or_else(|| {
            failed(if named.is_some() { "tenant is no tenant of ours" } else { "Missing tenant" }.to_owned())
        }))
    }

    /// Stores a delivery that nothing was granted for.
    async fn file(
        &self,
        delivery: Delivery,
        Ungranted { outcome, message }: Ungranted,
        stored: &Stored,
    ) -> Result<Delivery, TableError> {
        let delivery = Delivery { outcome, message, ..delivery };
        let mut transaction = Transaction::new();
        put(&mut transaction, &delivery, stored);
        match self.table.commit(transaction).await {
            Ok(()) => Ok(delivery),
            // Somebody else tried the same delivery again.
            Err(CommitError::Refused(_)) => Err(TableError::Contended),
            Err(CommitError::Table(error)) => Err(error),
        }
    }

    /// A page of deliveries, newest first, and where the next page starts. A page of one outcome looks at no more than two
    /// thousand of them, so it may hold fewer than asked for, even none, and still lead on.
    pub async fn list(
        &self,
        scope: DeliveryScope,
        outcome: Option<Outcome>,
        limit: usize,
        mut after: Option<Cursor>,
    ) -> Result<(Vec<Delivery>, Option<Cursor>), TableError> {
        let (mut kept, mut examined) = (Vec::new(), 0);
        loop {
            let some = if outcome.is_none() { limit - kept.len() } else { STORE_PAGE };
            let query = Query::of(scope.range()).newest_first().limit(some).after(after);
            let page = self.table.query(query).await?;
            examined += page.items.len();
            for (place, row) in page.items.iter().enumerate() {
                let delivery = Delivery::read(row)?;
                if outcome.is_none_or(|outcome| outcome == delivery.outcome) {
                    kept.push(delivery);
                }
                if kept.len() == limit {
                    let is_last = page.next.is_none() && place + 1 == page.items.len();
                    return Ok((kept, (!is_last).then(|| Cursor::behind(&row.key()))));
                }
            }
            after = page.next;
            if after.is_none() || examined >= MAX_EXAMINED {
                return Ok((kept, after));
            }
        }
    }
}

/// Puts a delivery where it belongs now. One that was of no tenant may have become a tenant's.
fn put(transaction: &mut Transaction, delivery: &Delivery, stored: &Stored) {
    let key = keys::payment_delivery(delivery.tenant_id, &delivery.id);
    let unchanged = Condition::present().and_equals("replays", &delivery.replays.saturating_sub(1));
    match stored {
        Stored::New => transaction.put(delivery.at(key), Condition::absent()),
        Stored::At(at) if *at == key => transaction.put(delivery.at(key), unchanged),
        Stored::At(at) => {
            transaction.delete(at.clone(), unchanged);
            transaction.put(delivery.at(key), Condition::absent())
        }
    };
}

/// A payment is granted once: the mark of its id stands or falls with the grant, and so does the delivery that paid.
struct OncePaid<'a> {
    payment: &'a Payment,
    delivery: &'a Delivery,
    stored: &'a Stored,
}

impl Once for OncePaid<'_> {
    fn row(&self) -> Key {
        keys::granted_payment(&self.payment.id)
    }

    /// Marks outlive their grants, so a payment that was paid back is not granted again.
    fn stands(&self, _: &Item, _: Timestamp) -> bool {
        true
    }

    fn mark(&self, transaction: &mut Transaction, grant: &Grant) -> Slot {
        let mut mark = Item::new(self.row())
            .with("payment_id", &self.payment.id)
            .with("grant_id", &grant.id)
            .with("delivery_id", &self.delivery.id)
            .with("granted_at", &grant.created_at);
        mark.set_some("tenant_id", self.delivery.tenant_id.as_ref());
        let delivery = Delivery { grant_id: Some(grant.id), ..self.delivery.clone() };
        put(transaction, &delivery, self.stored);
        transaction.put(mark, Condition::absent())
    }
}
