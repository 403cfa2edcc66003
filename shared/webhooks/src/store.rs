//! Reads and changes of endpoints.

use std::sync::Arc;

use bespin_access::{Pepper, TenantAccess, TenantScope};
use bespin_audit::{Author, Changed};
use bespin_notifications::Notifications;
use bespin_primitives::{Random, TenantId, Timestamp};
use bespin_recording::SealedClaim;
use bespin_table::{CommitError, Condition, Item, Key, Table, TableError, Transaction, keys};
use serde_json::{Value, json};

use crate::{
    Endpoint, EndpointState, EndpointUrl, Health, MAX_SECRETS, Outbox, SealedSecret, Secret, Sender,
    UrlFault, WebhookError, endpoint::DisabledReason,
};

/// How often a change is made anew because another one was faster.
const ATTEMPTS: usize = 32;

/// Endpoints and deliveries, by way of the table.
#[derive(Debug, Clone)]
pub struct Webhooks {
    pub(crate) table: Table,
    pub(crate) notifications: Notifications,
    pub(crate) sender: Sender,
    pub(crate) outbox: Outbox,
    pub(crate) pepper: Pepper,
    pub(crate) random: Arc<dyn Random>,
}

/// What an admin wants the endpoint to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Where.
    pub url: EndpointUrl,
    /// Whether deliveries are made.
    pub enabled: bool,
}

/// What became of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// There is an endpoint now, or was since an earlier use of the same key. The answer shows its secret.
    Created(String),
    /// The endpoint there was is as the answer says now.
    Updated(String),
}

/// What a change comes to.
struct Planned {
    /// The endpoint as it shall be; `None` removes it.
    endpoint: Option<Endpoint>,
    /// Whether its failures are forgotten.
    forgives: bool,
    /// What is kept under the client's key: an answer that shows a secret.
    shows_secret: bool,
    action: &'static str,
    subject: String,
    answer: Value,
}

/// What a plan decides on.
enum Plan {
    Change(Box<Planned>),
    /// All is as it shall be.
    Nothing(Value),
}

/// What became of a change, with the answer to it.
enum Made {
    /// Something was changed.
    Changed(String),
    /// A secret is shown that was made, now or by an earlier use of the client's key.
    Shown(String),
    /// All was as it shall be.
    Nothing(String),
}

impl Webhooks {
    /// Over `table`, with what sends and what asks to.
    pub fn new(
        table: Table,
        notifications: Notifications,
        pepper: Pepper,
        sender: Sender,
        outbox: Outbox,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { table, notifications, sender, outbox, pepper, random }
    }

    /// The same with another sender.
    #[must_use]
    pub fn with_sender(self, sender: Sender) -> Self {
        Self { sender, ..self }
    }

    /// The way to the dispatcher.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Reads the URL of an endpoint that may be called, as far as that can be told from the text.
    pub fn parse_url(&self, text: &str) -> Result<EndpointUrl, UrlFault> {
        EndpointUrl::parse(text)?.check(self.sender.guard())
    }

    /// Where the endpoint of a tenant stands, for reading it with other rows.
    pub fn row(&self, tenant: &impl TenantScope) -> Key {
        keys::webhook(tenant.tenant_id())
    }

    /// Whether notifications leave the building, by the row that was read.
    pub fn is_heard(&self, row: Option<&Item>) -> Result<bool, TableError> {
        Ok(row.map(Endpoint::read).transpose()?.is_some_and(|endpoint| endpoint.is_enabled()))
    }

    /// The endpoint of the tenant, and its failures. One round trip.
    pub async fn find(
        &self,
        tenant: &impl TenantScope,
    ) -> Result<Option<(Endpoint, Option<Health>)>, TableError> {
        let (_, endpoint, health) = self.look(tenant.tenant_id(), None).await?;
        Ok(endpoint.map(|endpoint| (endpoint, health)))
    }

    /// Registers the endpoint, or changes it. The answer to a new one shows its secret, which nothing else ever does;
    /// where the claimed key was used before it is given again.
    pub async fn register(
        &self,
        author: &Author<'_>,
        access: &TenantAccess,
        registration: &Registration,
        claim: Option<&SealedClaim>,
    ) -> Result<Registered, WebhookError> {
        let now = author.now;
        let state = |endpoint: Option<&Endpoint>| match (registration.enabled, endpoint) {
            (true, _) => EndpointState::Enabled,
            (false, Some(before)) if !before.is_enabled() => before.state,
            (false, _) => EndpointState::Disabled { reason: DisabledReason::Requested, at: now },
        };
        let plan = |before: Option<&Endpoint>| {
            let Some(before) = before else {
                return Ok(self.new_endpoint(access, registration, state(None), now));
            };
            let mut endpoint = before.clone();
            endpoint.state = state(Some(before));
            endpoint.url = registration.url.clone();
            if endpoint == *before {
                return Ok(Plan::Nothing(endpoint.view(now)));
            }
            endpoint.changed_at = after(before.changed_at, now);
            Ok(Plan::Change(Box::new(Planned {
                answer: endpoint.view(now),
                endpoint: Some(endpoint),
                forgives: true,
                shows_secret: false,
                action: "webhook.update",
                subject: String::new(),
            })))
        };
        Ok(match self.change(author, access.tenant_id(), claim, plan).await? {
            Made::Shown(answer) => Registered::Created(answer),
            Made::Changed(answer) | Made::Nothing(answer) => Registered::Updated(answer),
        })
    }

    fn new_endpoint(
        &self,
        access: &TenantAccess,
        registration: &Registration,
        state: EndpointState,
        now: Timestamp,
    ) -> Plan {
        let (secret, sealed) = self.new_secret(access.tenant_id(), now);
        let endpoint = Endpoint {
            url: registration.url.clone(),
            state,
            secrets: vec![sealed],
            registered_by: access.user_id(),
            created_at: now,
            changed_at: now,
        };
        let mut answer = endpoint.view(now);
        answer["secret"] = json!(secret.reveal());
        Plan::Change(Box::new(Planned {
            answer,
            endpoint: Some(endpoint),
            forgives: true,
            shows_secret: true,
            action: "webhook.create",
            subject: String::new(),
        }))
    }

    /// Removes the endpoint; gives it as it was. The log of its deliveries stays.
    pub async fn remove(&self, author: &Author<'_>, access: &TenantAccess) -> Result<String, WebhookError> {
        let plan = |before: Option<&Endpoint>| {
            let before = before.ok_or(WebhookError::NotFound)?;
            Ok(Plan::Change(Box::new(Planned {
                endpoint: None,
                forgives: true,
                shows_secret: false,
                action: "webhook.delete",
                subject: String::new(),
                answer: before.view(author.now),
            })))
        };
        self.change(author, access.tenant_id(), None, plan).await.map(Made::answer)
    }

    /// Adds a secret; those there are stay good for a while, and an end that one has already is not put off. Gives the
    /// answer that shows the new one.
    pub async fn rotate(
        &self,
        author: &Author<'_>,
        access: &TenantAccess,
        overlap_seconds: u32,
        claim: Option<&SealedClaim>,
    ) -> Result<String, WebhookError> {
        let (tenant_id, now) = (access.tenant_id(), author.now);
        let plan = |before: Option<&Endpoint>| {
            let before = before.ok_or(WebhookError::NotFound)?;
            let end = now.plus_seconds(overlap_seconds.into());
            let mut older: Vec<SealedSecret> = before.good_secrets(now).cloned().collect();
            for secret in &mut older {
                secret.expires_at = Some(secret.expires_at.map_or(end, |earlier| earlier.min(end)));
            }
            older.retain(|secret| secret.is_good_at(now));
            if older.len() >= MAX_SECRETS {
                return Err(WebhookError::TooManySecrets);
            }
            let (secret, sealed) = self.new_secret(tenant_id, now);
            let mut answer = sealed.view();
            answer["secret"] = json!(secret.reveal());
            answer["older"] = older.iter().map(SealedSecret::view).collect();
            let subject = sealed.id.to_string();
            let secrets = std::iter::once(sealed).chain(older).collect();
            let changed_at = after(before.changed_at, now);
            Ok(Plan::Change(Box::new(Planned {
                endpoint: Some(Endpoint { secrets, changed_at, ..before.clone() }),
                forgives: false,
                shows_secret: true,
                action: "webhook.secret.create",
                subject,
                answer,
            })))
        };
        self.change(author, tenant_id, claim, plan).await.map(Made::answer)
    }

    /// Takes a secret back at once; gives it as it was, without the secret itself.
    pub async fn revoke_secret(
        &self,
        author: &Author<'_>,
        access: &TenantAccess,
        secret_id: &str,
    ) -> Result<String, WebhookError> {
        let now = author.now;
        let plan = |before: Option<&Endpoint>| {
            let not_found = || WebhookError::SecretNotFound { secret_id: secret_id.to_owned() };
            let before = before.ok_or_else(not_found)?;
            let (gone, left): (Vec<SealedSecret>, Vec<SealedSecret>) =
                before.good_secrets(now).cloned().partition(|secret| secret.id.to_string() == secret_id);
            let gone = gone.first().ok_or_else(not_found)?;
            if left.iter().all(|secret| secret.expires_at.is_some()) {
                return Err(WebhookError::LastSecret);
            }
            let changed_at = after(before.changed_at, now);
            Ok(Plan::Change(Box::new(Planned {
                answer: gone.view(),
                endpoint: Some(Endpoint { secrets: left, changed_at, ..before.clone() }),
                forgives: false,
                shows_secret: false,
                action: "webhook.secret.delete",
                subject: secret_id.to_owned(),
            })))
        };
        self.change(author, access.tenant_id(), None, plan).await.map(Made::answer)
    }

    fn new_secret(&self, tenant_id: TenantId, now: Timestamp) -> (Secret, SealedSecret) {
        let secret = Secret::random(&*self.random);
        let sealed = SealedSecret::new(&secret, tenant_id, &self.pepper, now, &*self.random);
        (secret, sealed)
    }

    /// Makes a change from the endpoint as it is when it is written, together with its audit entry and the answer kept
    /// under the client's key.
    async fn change(
        &self,
        author: &Author<'_>,
        tenant_id: TenantId,
        claim: Option<&SealedClaim>,
        plan: impl Fn(Option<&Endpoint>) -> Result<Plan, WebhookError>,
    ) -> Result<Made, WebhookError> {
        for _ in 0..ATTEMPTS {
            let (record, before, _) = self.look(tenant_id, claim).await?;
            if let Some(claim) = claim
                && let Some(answer) = claim.replay(record.as_ref(), author.now)?
            {
                return Ok(Made::Shown(answer));
            }
            let planned = match plan(before.as_ref())? {
                Plan::Nothing(answer) => return Ok(Made::Nothing(answer.to_string())),
                Plan::Change(planned) => planned,
            };
            let answer = planned.answer.to_string();
            let mut transaction = Transaction::new();
            planned.write(&mut transaction, author, tenant_id, before.as_ref());
            if let Some(claim) = claim.filter(|_| planned.shows_secret) {
                claim.keep(&mut transaction, &answer, author.random, author.now);
            }
            match self.table.commit(transaction).await {
                Ok(()) if planned.shows_secret => return Ok(Made::Shown(answer)),
                Ok(()) => return Ok(Made::Changed(answer)),
                Err(CommitError::Refused(_)) => {}
                Err(CommitError::Table(error)) => return Err(error.into()),
            }
        }
        Err(TableError::Contended.into())
    }

    /// The record of the client's key, the endpoint and its failures. One round trip.
    async fn look(
        &self,
        tenant_id: TenantId,
        claim: Option<&SealedClaim>,
    ) -> Result<(Option<Item>, Option<Endpoint>, Option<Health>), TableError> {
        let (endpoint, health) = (keys::webhook(tenant_id), keys::webhook_health(tenant_id));
        let mut wanted = vec![endpoint.clone(), health.clone()];
        wanted.extend(claim.map(SealedClaim::row));
        let mut found = self.table.get_all(&wanted).await?;
        let endpoint = found.get(&endpoint).map(Endpoint::read).transpose()?;
        let health = found.get(&health).map(Health::read).transpose()?;
        Ok((claim.and_then(|claim| found.remove(&claim.row())), endpoint, health))
    }
}

impl Planned {
    fn write(
        &self,
        transaction: &mut Transaction,
        author: &Author<'_>,
        tenant_id: TenantId,
        before: Option<&Endpoint>,
    ) {
        let key = keys::webhook(tenant_id);
        let unchanged = match before {
            None => Condition::absent(),
            Some(before) => before.unchanged(),
        };
        match &self.endpoint {
            Some(endpoint) => transaction.put(endpoint.at(key), unchanged),
            None => transaction.delete(key, unchanged),
        };
        if self.forgives {
            transaction.delete(keys::webhook_health(tenant_id), Condition::default());
        }
        let view = |endpoint: Option<&Endpoint>| endpoint.map(|endpoint| endpoint.view(author.now));
        let changed = Changed {
            action: self.action,
            tenant_id: Some(tenant_id),
            subject: self.subject.clone(),
            before: view(before).unwrap_or_default(),
            after: view(self.endpoint.as_ref()).unwrap_or_default(),
        };
        author.post(transaction, changed);
    }
}

impl Made {
    fn answer(self) -> String {
        match self {
            Self::Changed(answer) | Self::Shown(answer) | Self::Nothing(answer) => answer,
        }
    }
}

impl Endpoint {
    /// That it is still the version that was read.
    pub(crate) fn unchanged(&self) -> Condition {
        Condition::present().and_equals("changed_at", &self.changed_at)
    }
}

/// The time of a change: now, and always later than the one before it, wherever the clocks stand.
pub(crate) fn after(before: Timestamp, now: Timestamp) -> Timestamp {
    let next = Timestamp::from_micros(before.micros().saturating_add(1)).unwrap_or(Timestamp::MAX);
    now.max(next)
}
