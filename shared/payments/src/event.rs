//! What an event says, and what it is worth.

use bespin_grants::{GrantOrder, MAX_DAYS};
use bespin_policies::{EVERY_BUNDLE, MAX_NAME, Project};
use bespin_primitives::Micros;
use serde_json::Value;

use crate::{
    Outcome,
    package::{self, Package},
};

/// The one type of event that grants anything.
const SUCCEEDED: &str = "payment_intent.succeeded";

/// The currency that prices are in.
const DOLLARS: &str = "usd";

/// The most that is paid at once, in cents: what an amount of a grant may be.
const MAX_CENTS: u64 = 9_999_999_999;

/// What a custom package has where it does not say (control-plane.md 9.3).
const CUSTOM: Package =
    Package { name: "custom", price_cents: 0, requests_per_day: 50, tokens_per_day: 5_000_000, days: 30 };

/// A genuine event.
#[derive(Debug, Clone)]
pub struct Event {
    event_type: String,
    event: Value,
}

/// A body that is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The body is no event: JSON with a type is expected")]
pub struct MalformedEvent;

/// Why an event grants nothing: what its delivery is stored as, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ungranted {
    pub(crate) outcome: Outcome,
    pub(crate) message: String,
}

/// What a payment is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) project: Project,
    pub(crate) order: GrantOrder,
}

impl Event {
    /// Reads an event. Only of a body whose signature is proved.
    pub fn parse(body: &[u8]) -> Result<Self, MalformedEvent> {
        let event: Value = serde_json::from_slice(body).map_err(|_| MalformedEvent)?;
        let event_type = event["type"].as_str().filter(|text| !text.is_empty()).ok_or(MalformedEvent)?;
        Ok(Self { event_type: event_type.to_owned(), event })
    }

    /// Its type.
    pub(crate) fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The provider's own id.
    pub(crate) fn id(&self) -> Option<&str> {
        self.event["id"].as_str()
    }

    /// A text of the payment.
    pub(crate) fn payment(&self, name: &str) -> Option<&str> {
        self.event["data"]["object"][name].as_str()
    }

    /// What was paid, in the smallest unit of its currency.
    pub(crate) fn amount(&self) -> Option<u64> {
        self.event["data"]["object"]["amount"].as_u64()
    }

    /// What the shop noted with the payment. An empty text is none.
    pub(crate) fn metadata(&self, name: &str) -> Option<&str> {
        self.event["data"]["object"]["metadata"][name].as_str().filter(|text| !text.is_empty())
    }

    /// What the event pays for, or why it grants nothing.
    pub(crate) fn worth(&self, check_price: bool) -> Result<Payment, Ungranted> {
        if self.event_type != SUCCEEDED {
            let message = format!("Event {} received but not processed", self.event_type);
            return Err(Ungranted { outcome: Outcome::Ignored, message });
        }
        let user_id = self.metadata("user_id").ok_or_else(|| failed("Missing user_id".to_owned()))?;
        let id = self.payment("id").ok_or_else(|| failed("Missing data.object.id".to_owned()))?;
        let package = self.metadata("package");
        for (name, text) in
            [("user_id", user_id), ("data.object.id", id), ("package", package.unwrap_or_default())]
        {
            if text.chars().count() > MAX_NAME {
                return Err(failed(format!("{name} is longer than {MAX_NAME} characters")));
            }
        }
        let project = match self.metadata("project") {
            Some(name) => Project::parse(name)
                .ok_or_else(|| failed(format!("project is longer than {MAX_NAME} characters")))?,
            None => Project::default(),
        };
        let cents = self
            .amount()
            .filter(|cents| *cents <= MAX_CENTS)
            .ok_or_else(|| failed(format!("amount is not a whole number of cents from 0 to {MAX_CENTS}")))?;
        let currency = self.payment("currency").unwrap_or_default();
        let in_dollars = currency.eq_ignore_ascii_case(DOLLARS);
        let sold = package.and_then(Package::find);
        let (additions, days) = match sold {
            Some(package) => (package.additions(), package.days),
            None => self.custom()?,
        };
        if check_price {
            check(package, sold, cents, currency)?;
        }
        let order = GrantOrder {
            user_id: user_id.to_owned(),
            bundle_id: EVERY_BUNDLE.to_owned(),
            additions,
            days: Some(days),
            purchase_id: Some(id.to_owned()),
            // Amounts of other currencies are not dollars, and have not always cents.
            purchase_amount: in_dollars.then(|| Micros::new(cents * 10_000)),
            notes: Some(format!("Stripe payment - {} package", package.unwrap_or(CUSTOM.name))),
        };
        Ok(Payment { id: id.to_owned(), project, order })
    }

    fn custom(&self) -> Result<(bespin_policies::Quotas, i64), Ungranted> {
        let most = i64::MAX.unsigned_abs();
        let requests = self.number("additional_requests_per_day", CUSTOM.requests_per_day, 0, most)?;
        let tokens = self.number("additional_tokens_per_day", CUSTOM.tokens_per_day, 0, most)?;
        let (usual, most) = (CUSTOM.days.unsigned_abs(), MAX_DAYS.unsigned_abs());
        let days = self.number("expires_in_days", usual, 1, most)?;
        Ok((package::additions(requests, tokens), i64::try_from(days).unwrap_or(MAX_DAYS)))
    }

    /// A number of a custom package. All metadata are texts.
    fn number(&self, name: &str, usual: u64, least: u64, most: u64) -> Result<u64, Ungranted> {
        let Some(text) = self.metadata(name) else { return Ok(usual) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
        number.ok_or_else(|| failed(format!("{name} is not a whole number from {least} to {most}")))
    }
}

/// Compares what was paid with what it is to pay for. A package of our own making is worth what the shop says, but in
/// dollars all the same.
fn check(name: Option<&str>, sold: Option<&Package>, cents: u64, currency: &str) -> Result<(), Ungranted> {
    let message = match (name, sold) {
        _ if !currency.eq_ignore_ascii_case(DOLLARS) => {
            format!("Parked for review: paid in '{currency}', and prices are in usd")
        }
        (Some(name), None) => format!("Parked for review: package '{name}' has no price"),
        (_, Some(package)) if cents < package.price_cents => format!(
            "Parked for review: {cents} cents paid for package {}, which costs {}",
            package.name, package.price_cents
        ),
        _ => return Ok(()),
    };
    Err(Ungranted { outcome: Outcome::Parked, message })
}

pub(crate) fn failed(message: String) -> Ungranted {
    Ungranted { outcome: Outcome::Failed, message }
}
