//! Items and how typed values stand in them.

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use bespin_primitives::{
    ApiKeyId, AuditEntryId, BriefId, ConversationId, Credits, Date, EntryId, GrantId, KpiId, LeaseId,
    MessageId, Micros, PricePerCredit, RequestId, TenantId, Timestamp, TurnId, Usd, UserId, parse_date,
};

use crate::Key;

/// One item: its key and its attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    attributes: HashMap<String, AttributeValue>,
}

/// A stored item that is not what this version of the code wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("item {key}: attribute {attribute} is missing or of another type")]
pub struct CorruptItem {
    /// `pk` and `sk` of the item.
    pub key: String,
    /// The attribute that was asked for.
    pub attribute: String,
}

/// A type that is kept in rows of its own.
pub trait Row: Sized {
    /// Puts every attribute but the key into `item`.
    fn write(&self, item: &mut Item);
    /// Reads back what [`Row::write`] put there.
    fn read(item: &Item) -> Result<Self, CorruptItem>;

    /// The item that stands for this value at `key`.
    fn at(&self, key: Key) -> Item {
        let mut item = Item::new(key);
        self.write(&mut item);
        item
    }
}

impl Item {
    /// An item with nothing but its key.
    pub fn new(key: Key) -> Self {
        Self { attributes: key_attributes(key) }
    }

    /// Sets an attribute.
    pub fn set(&mut self, name: &str, value: &impl Attribute) {
        self.attributes.insert(name.to_owned(), value.to_attribute());
    }

    /// Sets an attribute where there is a value; an absent attribute is how nothing is kept.
    pub fn set_some(&mut self, name: &str, value: Option<&impl Attribute>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// The same, for building in one expression.
    #[must_use]
    pub fn with(mut self, name: &str, value: &impl Attribute) -> Self {
        self.set(name, value);
        self
    }

    /// An attribute that must be there.
    pub fn get<T: Attribute>(&self, name: &str) -> Result<T, CorruptItem> {
        self.get_some(name)?.ok_or_else(|| self.corrupt(name))
    }

    /// An attribute that may be absent. Present and of another type is corrupt.
    pub fn get_some<T: Attribute>(&self, name: &str) -> Result<Option<T>, CorruptItem> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(value) => T::from_attribute(value).map(Some).ok_or_else(|| self.corrupt(name)),
        }
    }

    /// The names of all attributes but the key's.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(String::as_str).filter(|name| !matches!(*name, "pk" | "sk"))
    }

    /// The error that says which attribute of this item cannot be read.
    pub fn corrupt(&self, name: &str) -> CorruptItem {
        CorruptItem { key: format!("{}/{}", self.pk(), self.sk()), attribute: name.to_owned() }
    }

    /// The partition.
    pub fn pk(&self) -> &str {
        self.text("pk")
    }

    /// The place in the partition.
    pub fn sk(&self) -> &str {
        self.text("sk")
    }

    /// The primary key.
    pub fn key(&self) -> Key {
        Key { pk: self.pk().to_owned(), sk: self.sk().to_owned() }
    }

    /// Whether the item's time to live is over: deletion is late, so every read of such a row asks this.
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        matches!(self.get_some::<i64>("expires_at"), Ok(Some(at)) if at <= now.epoch_seconds())
    }

    fn text(&self, name: &str) -> &str {
        self.attributes.get(name).and_then(|v| v.as_s().ok()).map_or("", String::as_str)
    }

    pub(crate) fn from_attributes(attributes: HashMap<String, AttributeValue>) -> Self {
        Self { attributes }
    }

    pub(crate) fn into_attributes(self) -> HashMap<String, AttributeValue> {
        self.attributes
    }
}

pub(crate) fn key_attributes(key: Key) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(key.pk)),
        ("sk".to_owned(), AttributeValue::S(key.sk)),
    ])
}

/// A value that stands in one attribute.
pub trait Attribute: Sized {
    /// How it is stored.
    fn to_attribute(&self) -> AttributeValue;
    /// How it is read back; `None` when the attribute is of another type or out of range.
    fn from_attribute(value: &AttributeValue) -> Option<Self>;
}

impl Attribute for String {
    fn to_attribute(&self) -> AttributeValue {
        AttributeValue::S(self.clone())
    }
    fn from_attribute(value: &AttributeValue) -> Option<Self> {
        value.as_s().ok().cloned()
    }
}

impl Attribute for bool {
    fn to_attribute(&self) -> AttributeValue {
        AttributeValue::Bool(*self)
    }
    fn from_attribute(value: &AttributeValue) -> Option<Self> {
        value.as_bool().ok().copied()
    }
}

impl Attribute for Vec<u8> {
    fn to_attribute(&self) -> AttributeValue {
        AttributeValue::B(Blob::new(self.clone()))
    }
    fn from_attribute(value: &AttributeValue) -> Option<Self> {
        value.as_b().ok().map(|blob| blob.as_ref().to_vec())
    }
}

impl Attribute for Vec<String> {
    fn to_attribute(&self) -> AttributeValue {
        AttributeValue::L(self.iter().map(Attribute::to_attribute).collect())
    }
    fn from_attribute(value: &AttributeValue) -> Option<Self> {
        value.as_l().ok()?.iter().map(String::from_attribute).collect()
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Attribute for $number {
            fn to_attribute(&self) -> AttributeValue {
                AttributeValue::N(self.to_string())
            }
            fn from_attribute(value: &AttributeValue) -> Option<Self> {
                value.as_n().ok()?.parse().ok()
            }
        }
    )+};
}
numbers!(u16, u32, u64, u128, i64, i128);

/// A type kept as the attribute of a simpler one.
macro_rules! kept_as {
    ($($kind:ty: $simple:ty, |$value:ident| $to:expr, $from:expr;)+) => {$(
        impl Attribute for $kind {
            fn to_attribute(&self) -> AttributeValue {
                let $value = self;
                Attribute::to_attribute(&$to)
            }
            fn from_attribute(value: &AttributeValue) -> Option<Self> {
                <$simple as Attribute>::from_attribute(value).and_then($from)
            }
        }
    )+};
}
kept_as! {
    Timestamp: i64, |at| at.micros(), Timestamp::from_micros;
    Date: String, |date| date.to_string(), |text| parse_date(&text);
    Credits: u64, |credits| credits.micros(), |micros| Some(Credits::from_micros(micros));
    PricePerCredit: u64, |price| price.micros(), |micros| Some(PricePerCredit::from_micros(micros));
    Micros: u64, |micros| micros.get(), |micros| Some(Micros::new(micros));
    Usd: u128, |usd| usd.picos(), |picos| Some(Usd::from_picos(picos));
    TenantId: String, |id| id.to_string(), |text| TenantId::parse(&text);
    UserId: String, |id| id.to_string(), |text| UserId::parse(&text);
    ApiKeyId: String, |id| id.to_string(), |text| ApiKeyId::parse(&text);
    RequestId: String, |id| id.to_string(), |text| RequestId::parse(&text);
    LeaseId: String, |id| id.to_string(), |text| LeaseId::parse(&text);
    ConversationId: String, |id| id.to_string(), |text| ConversationId::parse(&text);
    MessageId: String, |id| id.to_string(), |text| MessageId::parse(&text);
    KpiId: String, |id| id.to_string(), |text| KpiId::parse(&text);
    BriefId: String, |id| id.to_string(), |text| BriefId::parse(&text);
    EntryId: String, |id| id.to_string(), |text| EntryId::parse(&text);
    AuditEntryId: String, |id| id.to_string(), |text| AuditEntryId::parse(&text);
    GrantId: String, |id| id.to_string(), |text| GrantId::parse(&text);
    TurnId: String, |id| id.to_string(), |text| TurnId::parse(&text);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::keys;

    #[test]
    fn an_attribute_of_another_type_is_corrupt_and_an_absent_one_is_nothing() {
        let item = Item::new(keys::catalogue_seeded()).with("units", &"many".to_owned());

        assert_eq!(item.get::<u64>("units").unwrap_err().attribute, "units");
        assert_eq!(item.get_some::<u64>("other"), Ok(None));
        assert!(item.get::<u64>("other").is_err());
    }

    #[test]
    fn time_to_live_ends_at_its_second() {
        let at = Timestamp::from_micros(1_000_000_000).unwrap();
        let item = Item::new(keys::catalogue_seeded()).with("expires_at", &1_000i64);

        assert!(item.is_expired_at(at));
        assert!(!item.is_expired_at(at.plus_seconds(-1)));
        assert!(!Item::new(keys::catalogue_seeded()).is_expired_at(at));
    }
}
