//! Bugs on demand: what the product sends to the store is changed on its way, as if the code that sends it were broken.

use std::{
    collections::HashSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bespin_embedded::Faults;
use serde_json::{Value, json};

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The counters move whatever they hold: check first, count later.
    NoCeilings,
    /// An idempotency record replaces the one that is there.
    NoKeyCondition,
    /// Each attempt of a transaction has a token of its own, so a commit whose reply was lost is tried anew.
    FreshTokens,
    /// An attempt after a conflict counts twice.
    CountedTwice,
    /// The ledger entry is left out.
    NoEntry,
    /// An ingest commits although another one came in between.
    NoHeadCondition,
    /// A brief is made although there is one.
    NoBriefCondition,
    /// The counters of a call are those of the day before.
    Yesterday,
    /// A user is notified although it has the notification.
    NoMarkCondition,
    /// A turn changes although somebody else changed it meanwhile.
    NoTurnCondition,
    /// What a turn held of the plan never comes back.
    NoWayBack,
    /// Something is charged to a lease that was ended.
    NoLeaseEnd,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NoCeilings,
        Self::NoKeyCondition,
        Self::FreshTokens,
        Self::CountedTwice,
        Self::NoEntry,
        Self::NoHeadCondition,
        Self::NoBriefCondition,
        Self::Yesterday,
        Self::NoMarkCondition,
        Self::NoTurnCondition,
        Self::NoWayBack,
        Self::NoLeaseEnd,
    ];

    /// What is broken.
    pub fn what(self) -> &'static str {
        match self {
            Self::NoCeilings => "the counters' condition is dropped",
            Self::NoKeyCondition => "the idempotency record's condition is dropped",
            Self::FreshTokens => "a retry does not carry the token of the first try",
            Self::CountedTwice => "a retry after a conflict counts twice",
            Self::NoEntry => "the ledger entry is left out",
            Self::NoHeadCondition => "the condition on the head of a series is dropped",
            Self::NoBriefCondition => "the condition that there is no brief is dropped",
            Self::Yesterday => "the counters of the day before are moved",
            Self::NoMarkCondition => "the condition that a user was not notified is dropped",
            Self::NoTurnCondition => "the condition that a turn is as it was read is dropped",
            Self::NoWayBack => "counters are never moved back",
            Self::NoLeaseEnd => "the condition that a place of a lease is free is dropped",
        }
    }

    /// Breaks everything that goes through these faults from here on.
    pub(crate) fn apply(self, faults: &Faults) {
        let tokens = AtomicU64::new(0);
        let seen: Mutex<HashSet<String>> = Mutex::default();
        faults.sabotage(move |operation, body| {
            if operation == "PutItem" {
                let mut writes = [json!({"Put": body.take()})];
                self.change(&mut writes, false);
                *body = writes[0]["Put"].take();
            }
            if operation != "TransactWriteItems" {
                return;
            }
            let token = body["ClientRequestToken"].as_str().unwrap_or_default().to_owned();
            let is_repeat = !seen.lock().unwrap_or_else(PoisonError::into_inner).insert(token.clone());
            if self == Self::FreshTokens || self == Self::CountedTwice && is_repeat {
                let attempt = tokens.fetch_add(1, Ordering::Relaxed);
                body["ClientRequestToken"] = json!(format!("{attempt:08}{}", &token[8..]));
            }
            if let Some(writes) = body["TransactItems"].as_array_mut() {
                self.change(writes, is_repeat);
            }
        });
    }

    fn change(self, writes: &mut [Value], is_repeat: bool) {
        match self {
            Self::NoCeilings => on(writes, "#USAGE", "", always_true),
            Self::NoKeyCondition => on(writes, "#IDEM#", "", always_true),
            Self::NoHeadCondition => on(writes, "#KPI#", "HEAD", always_true),
            Self::NoBriefCondition => on(writes, "#BRIEFS", "", always_true),
            Self::NoMarkCondition => on(writes, "#OUTBOX#", "ONCE#", always_true),
            Self::CountedTwice if is_repeat => on(writes, "#USAGE", "", double),
            Self::Yesterday => on(writes, "#USAGE", "", yesterday),
            Self::NoEntry => on(writes, "#LEDGER#", "", astray),
            Self::NoTurnCondition => on(writes, "#TURNS", "", always_true),
            Self::NoWayBack => on(writes, "#USAGE", "", only_forwards),
            Self::NoLeaseEnd => on(writes, "#LEASE#", "", always_true),
            Self::CountedTwice | Self::FreshTokens => {}
        }
    }
}

/// Changes each write whose `pk` contains the one text and whose `sk` starts with the other.
fn on(writes: &mut [Value], pk: &str, sk: &str, change: fn(&mut Value)) {
    for write in writes {
        let (partition, place) = place(write);
        if partition.contains(pk)
            && place.starts_with(sk)
            && let Some(write) = write.as_object_mut().and_then(|kinds| kinds.values_mut().next())
        {
            change(write);
        }
    }
}

fn place(write: &Value) -> (String, String) {
    let text = |value: &Value| value["S"].as_str().unwrap_or_default().to_owned();
    let Some(write) = write.as_object().and_then(|kinds| kinds.values().next()) else {
        return Default::default();
    };
    let key = if write["Key"].is_object() { &write["Key"] } else { &write["Item"] };
    (text(&key["pk"]), text(&key["sk"]))
}

fn always_true(write: &mut Value) {
    if let Some(condition) = write["ConditionExpression"].as_str() {
        // Any name that is declared will do; there is one in each condition.
        let name = condition.find('#').map(|at| &condition[at..]).unwrap_or_default();
        let name: String = name.chars().take_while(|c| *c == '#' || c.is_ascii_alphanumeric()).collect();
        // No parentheses: the store refuses those that change nothing, and AND binds more closely anyway.
        let relaxed = format!("{condition} OR attribute_exists({name}) OR attribute_not_exists({name})");
        write["ConditionExpression"] = json!(relaxed);
    }
}

/// Doubles whatever is added. Ceilings of conditions are other values.
fn double(write: &mut Value) {
    let update = write["UpdateExpression"].as_str().unwrap_or_default().to_owned();
    let Some(values) = write["ExpressionAttributeValues"].as_object_mut() else { return };
    for (name, value) in values {
        let added = update.split([' ', ',']).any(|word| word == name);
        if let Some(number) =
            value["N"].as_str().and_then(|number| number.parse::<u128>().ok()).filter(|_| added)
        {
            *value = json!({"N": (2 * number).to_string()});
        }
    }
}

/// Adds nothing where something is taken off.
fn only_forwards(write: &mut Value) {
    let Some(values) = write["ExpressionAttributeValues"].as_object_mut() else { return };
    for value in values.values_mut() {
        if value["N"].as_str().is_some_and(|number| number.starts_with('-')) {
            *value = json!({"N": "0"});
        }
    }
}

/// Writes the item where nobody looks for it. It is not taken out: then every later refusal would be read as that of
/// the write before it, which is another bug.
fn astray(write: &mut Value) {
    write["Item"]["pk"] = json!({"S": "ASTRAY"});
}

/// Renames `13t` to `12t`.
fn yesterday(write: &mut Value) {
    let Some(names) = write["ExpressionAttributeNames"].as_object_mut() else { return };
    for name in names.values_mut() {
        let day = name
            .as_str()
            .and_then(|name| Some((name.get(..2)?.parse::<u8>().ok()?, name.get(2..)?.to_owned())));
        if let Some((day, event)) = day {
            *name = json!(format!("{:02}{event}", if day > 1 { day - 1 } else { 2 }));
        }
    }
}
