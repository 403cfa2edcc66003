//! A turn: admitted with an estimate that it holds, and settled once by what it really used (control-plane.md 5.1, 6, 7).

use std::collections::BTreeMap;

use bespin_metering::MeteredEvent;
use bespin_policies::Project;
use bespin_primitives::{Micros, RequestId, Timestamp, TurnId, UserId};
use bespin_table::{CorruptItem, Item, Row};
use serde_json::{Value, json};

use crate::{AtExpiry, Subject, TurnError};

/// Requests, tokens, micro-dollars by provider, and units of what the tenant's plan meters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Requests.
    pub requests: u64,
    /// Tokens.
    pub tokens: u64,
    /// What each provider costs.
    pub usd: BTreeMap<String, Micros>,
    /// How often each metered event happens, for which the tenant pays by its plan. No event stands here with 0.
    pub units: BTreeMap<MeteredEvent, u64>,
}

impl Amounts {
    /// As the API shows them.
    pub fn view(&self) -> Value {
        let units: BTreeMap<&str, u64> =
            self.units.iter().map(|(event, units)| (event.key(), *units)).collect();
        json!({"requests": self.requests, "tokens": self.tokens, "usd": self.usd, "units": units})
    }

    /// What of these goes beyond `held`.
    pub(crate) fn beyond(&self, held: &Self) -> Self {
        let dollars = |(provider, used): (&String, &Micros)| {
            let held = held.usd.get(provider).copied().unwrap_or_default();
            let beyond = used.get().saturating_sub(held.get());
            (beyond > 0).then(|| (provider.clone(), Micros::new(beyond)))
        };
        let units = |(event, used): (&MeteredEvent, &u64)| {
            let beyond = used.saturating_sub(held.units.get(event).copied().unwrap_or_default());
            (beyond > 0).then_some((*event, beyond))
        };
        Self {
            requests: self.requests.saturating_sub(held.requests),
            tokens: self.tokens.saturating_sub(held.tokens),
            usd: self.usd.iter().filter_map(dollars).collect(),
            units: self.units.iter().filter_map(units).collect(),
        }
    }

    fn write(&self, prefix: &str, item: &mut Item) {
        item.set(&format!("{prefix}_requests"), &self.requests);
        item.set(&format!("{prefix}_tokens"), &self.tokens);
        let usd: BTreeMap<&String, u64> =
            self.usd.iter().map(|(name, micros)| (name, micros.get())).collect();
        item.set(&format!("{prefix}_usd"), &json!(usd).to_string());
        for (event, units) in &self.units {
            item.set(&format!("{prefix}_units.{}", event.key()), units);
        }
    }

    fn read(prefix: &str, item: &Item) -> Result<Self, CorruptItem> {
        let name = format!("{prefix}_usd");
        let usd: BTreeMap<String, u64> =
            serde_json::from_str(&item.get::<String>(&name)?).map_err(|_| item.corrupt(&name))?;
        let mut units = BTreeMap::new();
        for event in MeteredEvent::ALL {
            if let Some(of_event) = item.get_some(&format!("{prefix}_units.{}", event.key()))? {
                units.insert(event, of_event);
            }
        }
        Ok(Self {
            requests: item.get(&format!("{prefix}_requests"))?,
            tokens: item.get(&format!("{prefix}_tokens"))?,
            usd: usd.into_iter().map(|(name, micros)| (name, Micros::new(micros))).collect(),
            units,
        })
    }
}

/// What a turn asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnOrder {
    /// In which project.
    pub project: Project,
    /// Whose, in which bundle.
    pub subject: Subject,
    /// What kind of user that is.
    pub user_type: String,
    /// What it may use, and holds until it is settled.
    pub estimate: Amounts,
    /// How long it holds that, unless it is prolonged.
    pub lifetime_seconds: u32,
    /// What becomes of what it holds when that time is over; of none, what the tenant's setting says.
    pub at_expiry: Option<AtExpiry>,
}

/// What a turn really used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledAmounts {
    /// How much.
    pub amounts: Amounts,
    /// When it was told.
    pub at: Timestamp,
    /// Whether that was after the turn had expired.
    pub late: bool,
}

/// Where a turn stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnState {
    /// It holds its estimate, until its time is over.
    Held,
    /// What it used was counted.
    Settled(SettledAmounts),
    /// It was given up, and nothing was counted.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// A turn that was admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its id.
    pub id: TurnId,
    /// What it asked for.
    pub order: TurnOrder,
    /// The request that admitted it.
    pub request_id: RequestId,
    /// Which user of the tenant asked for it.
    pub started_by: UserId,
    /// What becomes of what it holds when its time is over.
    pub at_expiry: AtExpiry,
    /// When it was admitted.
    pub started_at: Timestamp,
    /// When its time is over; exclusive.
    pub until: Timestamp,
    /// Where it stands.
    pub state: TurnState,
    /// Counts the writes of the row.
    pub(crate) version: u64,
}

impl Turn {
    /// Whether its time was over before it was settled or cancelled.
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        self.state == TurnState::Held && self.until <= now
    }

    /// What its estimate became by its expiry alone: counted, where the turn says so.
    pub(crate) fn was_charged_at(&self, now: Timestamp) -> bool {
        self.is_expired_at(now) && self.at_expiry == AtExpiry::Charge
    }

    /// The word for where it stands at an instant.
    pub fn status_at(&self, now: Timestamp) -> &'static str {
        match self.state {
            TurnState::Held if self.until <= now => "expired",
            TurnState::Held => "held",
            TurnState::Settled(_) => "settled",
            TurnState::Cancelled { .. } => "cancelled",
        }
    }

    /// The turn settled by `amounts`; the same amounts again are the same settlement.
    pub(crate) fn settled(&self, amounts: Amounts, now: Timestamp) -> Result<Option<Self>, TurnError> {
        match &self.state {
            TurnState::Held => {
                let late = self.is_expired_at(now);
                let state = TurnState::Settled(SettledAmounts { amounts, at: now, late });
                Ok(Some(Self { state, version: self.version + 1, ..self.clone() }))
            }
            TurnState::Settled(settled) if settled.amounts == amounts => Ok(None),
            TurnState::Settled(_) => Err(TurnError::Settled { turn_id: self.id }),
            TurnState::Cancelled { .. } => Err(TurnError::Cancelled { turn_id: self.id }),
        }
    }

    /// The same turn, settled late if it is settled at all.
    pub(crate) fn as_late(&self) -> Self {
        let mut turn = self.clone();
        if let TurnState::Settled(settled) = &mut turn.state {
            settled.late = true;
        }
        turn
    }

    /// The turn given up; `None` where it was.
    pub(crate) fn cancelled(&self, now: Timestamp) -> Result<Option<Self>, TurnError> {
        match &self.state {
            TurnState::Held if self.was_charged_at(now) => Err(TurnError::Expired { turn_id: self.id }),
            TurnState::Held => {
                let state = TurnState::Cancelled { at: now };
                Ok(Some(Self { state, version: self.version + 1, ..self.clone() }))
            }
            TurnState::Cancelled { .. } => Ok(None),
            TurnState::Settled(_) => Err(TurnError::Settled { turn_id: self.id }),
        }
    }

    /// The turn with more time, from now on. It never has less than before: a second heartbeat may come by an earlier clock.
    pub(crate) fn renewed(&self, lifetime_seconds: u32, now: Timestamp) -> Result<Self, TurnError> {
        match &self.state {
            TurnState::Held if self.until > now => {
                let until = now.plus_seconds(lifetime_seconds.into()).max(self.until);
                Ok(Self { until, version: self.version + 1, ..self.clone() })
            }
            TurnState::Held => Err(TurnError::Expired { turn_id: self.id }),
            TurnState::Settled(_) => Err(TurnError::Settled { turn_id: self.id }),
            TurnState::Cancelled { .. } => Err(TurnError::Cancelled { turn_id: self.id }),
        }
    }

    /// As the API shows it.
    pub fn view(&self, now: Timestamp) -> Value {
        let Subject { user_id, bundle_id, session_id } = &self.order.subject;
        let (settled, cancelled_at) = match &self.state {
            TurnState::Settled(settled) => (Some(settled), None),
            TurnState::Cancelled { at } => (None, Some(at)),
            TurnState::Held => (None, None),
        };
        json!({
            "turn_id": self.id, "status": self.status_at(now), "project": self.order.project.as_str(),
            "user_id": user_id, "session_id": session_id, "user_type": self.order.user_type,
            "bundle_id": bundle_id, "estimate": self.order.estimate.view(),
            "at_expiry": self.at_expiry.name(), "started_at": self.started_at, "expires_at": self.until,
            "settled": settled.map(|settled| json!({
                "amounts": settled.amounts.view(), "at": settled.at, "late": settled.late,
                "overshoot": settled.amounts.beyond(&self.order.estimate).view(),
            })),
            "cancelled_at": cancelled_at, "request_id": self.request_id,
        })
    }
}

impl Row for Turn {
    fn write(&self, item: &mut Item) {
        let TurnOrder { project, subject, user_type, estimate, lifetime_seconds, .. } = &self.order;
        item.set("turn_id", &self.id);
        item.set("project", &project.as_str().to_owned());
        item.set("user", &subject.user_id);
        item.set("bundle", &subject.bundle_id);
        item.set_some("session", subject.session_id.as_ref());
        item.set("user_type", user_type);
        estimate.write("estimate", item);
        item.set("lifetime_seconds", &u64::from(*lifetime_seconds));
        item.set("charged_at_expiry", &(self.at_expiry == AtExpiry::Charge));
        item.set("request_id", &self.request_id);
        item.set("started_by", &self.started_by);
        item.set("started_at", &self.started_at);
        item.set("until", &self.until);
        item.set("version", &self.version);
        match &self.state {
            TurnState::Held => {}
            TurnState::Settled(SettledAmounts { amounts, at, late }) => {
                amounts.write("settled", item);
                item.set("settled_at", at);
                item.set("settled_late", late);
            }
            TurnState::Cancelled { at } => item.set("cancelled_at", at),
        }
    }

    fn read(item: &Item) -> Result<Self, CorruptItem> {
        let project: String = item.get("project")?;
        let lifetime: u64 = item.get("lifetime_seconds")?;
        let charged: bool = item.get("charged_at_expiry")?;
        let at_expiry = if charged { AtExpiry::Charge } else { AtExpiry::Free };
        let state = match (item.get_some("settled_at")?, item.get_some("cancelled_at")?) {
            (Some(at), _) => TurnState::Settled(SettledAmounts {
                amounts: Amounts::read("settled", item)?,
                at,
                late: item.get("settled_late")?,
            }),
            (None, Some(at)) => TurnState::Cancelled { at },
            (None, None) => TurnState::Held,
        };
        Ok(Self {
            id: item.get("turn_id")?,
            order: TurnOrder {
                project: Project::parse(&project).ok_or_else(|| item.corrupt("project"))?,
                subject: Subject {
                    user_id: item.get("user")?,
                    bundle_id: item.get("bundle")?,
                    session_id: item.get_some("session")?,
                },
                user_type: item.get("user_type")?,
                estimate: Amounts::read("estimate", item)?,
                lifetime_seconds: u32::try_from(lifetime).map_err(|_| item.corrupt("lifetime_seconds"))?,
                at_expiry: Some(at_expiry),
            },
            at_expiry,
            request_id: item.get("request_id")?,
            started_by: item.get("started_by")?,
            started_at: item.get("started_at")?,
            until: item.get("until")?,
            state,
            version: item.get("version")?,
        })
    }
}
