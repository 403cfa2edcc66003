//! The attributes of a queue: which there are, what they may hold, and what they mean.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::SqsError;

const ARN_PREFIX: &str = "arn:aws:sqs:local:000000000000:";

pub(crate) const FIFO_SUFFIX: &str = ".fifo";

/// Name, least, most and default value.
type Range = (&'static str, i64, i64, i64);

const NUMBERS: [Range; 5] = [
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
];

/// Taken and given back; the last four have no effect here.
const TEXTS: [&str; 10] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoQueue",
    "FifoThroughputLimit",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "SqsManagedSseEnabled",
];

/// The attributes somebody has set, each of them valid. Others have their defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Attributes(BTreeMap<String, String>);

/// Where a message goes that was received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redrive {
    pub(crate) dead_letter_queue: String,
    pub(crate) max_receives: i64,
}

impl Attributes {
    /// The attributes of a new queue. A name that ends in `.fifo` and the attribute `FifoQueue` need each
    /// other.
    pub(crate) fn of_new_queue(name: &str, given: BTreeMap<String, String>) -> Result<Self, SqsError> {
        let attributes = Self::default().changed_by(given)?;
        if attributes.is("FifoQueue") != name.ends_with(FIFO_SUFFIX) {
            return Err(SqsError::invalid(
                "The name of a FIFO queue must end with the .fifo suffix, and FifoQueue must be true.",
            ));
        }
        if attributes.is("ContentBasedDeduplication") && !attributes.is("FifoQueue") {
            return Err(SqsError::InvalidAttributeName("ContentBasedDeduplication".to_owned()));
        }
        Ok(attributes)
    }

    /// These attributes, with those `given` in place of the old. An empty policy takes the policy away.
    pub(crate) fn changed_by(&self, given: BTreeMap<String, String>) -> Result<Self, SqsError> {
        let mut changed = self.0.clone();
        for (name, value) in given {
            check(&name, &value)?;
            if value.is_empty() {
                changed.remove(&name);
            } else {
                changed.insert(name, value);
            }
        }
        Ok(Self(changed))
    }

    /// The first attribute set here that `other` has not, or has with another value.
    pub(crate) fn first_difference_from(&self, other: &Self) -> Option<&str> {
        let differs = |name: &&String| {
            if name.as_str() == "RedrivePolicy" {
                return self.redrive() != other.redrive();
            }
            self.get(name) != other.get(name)
        };
        self.0.keys().find(differs).map(String::as_str)
    }

    /// A number; its default where it is not set.
    pub(crate) fn number(&self, name: &'static str) -> i64 {
        let set = self.0.get(name).and_then(|value| value.parse().ok());
        set.or_else(|| NUMBERS.iter().find(|range| range.0 == name).map(|range| range.3)).unwrap_or_default()
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value == "true")
    }

    /// Whether message groups, and not the whole queue, tell duplicates apart.
    pub(crate) fn deduplicates_by_group(&self) -> bool {
        self.0.get("DeduplicationScope").is_some_and(|scope| scope == "messageGroup")
    }

    pub(crate) fn redrive(&self) -> Option<Redrive> {
        self.0.get("RedrivePolicy").and_then(|policy| Redrive::parse(policy))
    }

    fn get(&self, name: &str) -> Option<String> {
        let default = NUMBERS.iter().find(|range| range.0 == name).map(|range| range.3.to_string());
        self.0.get(name).cloned().or(default)
    }

    /// Everything `GetQueueAttributes` shows of these: what is set, and the numbers' defaults.
    pub(crate) fn shown(&self) -> BTreeMap<String, String> {
        let defaults = NUMBERS.iter().map(|(name, _, _, default)| ((*name).to_owned(), default.to_string()));
        let mut shown: BTreeMap<String, String> = defaults.collect();
        shown.extend(self.0.clone());
        shown
    }
}

fn check(name: &str, value: &str) -> Result<(), SqsError> {
    if let Some((name, least, most, _)) = NUMBERS.iter().find(|range| range.0 == name) {
        return match value.parse::<i64>() {
            Ok(number) if (*least..=*most).contains(&number) => Ok(()),
            _ => Err(SqsError::InvalidAttributeValue(name)),
        };
    }
    let Some(name) = TEXTS.iter().find(|text| **text == name) else {
        return Err(SqsError::InvalidAttributeName(name.to_owned()));
    };
    let is_valid = match *name {
        "FifoQueue" | "ContentBasedDeduplication" => ["true", "false"].contains(&value),
        "DeduplicationScope" => ["messageGroup", "queue"].contains(&value),
        "RedrivePolicy" => value.is_empty() || Redrive::parse(value).is_some(),
        _ => true,
    };
    if is_valid { Ok(()) } else { Err(SqsError::InvalidAttributeValue(name)) }
}

impl Redrive {
    /// `maxReceiveCount` comes as a number from the SDKs and as a string from CloudFormation; both are right.
    fn parse(policy: &str) -> Option<Self> {
        let policy: Value = serde_json::from_str(policy).ok()?;
        let count = &policy["maxReceiveCount"];
        let max_receives = count.as_i64().or_else(|| count.as_str()?.parse().ok())?;
        let dead_letter_queue = name_in_arn(policy["deadLetterTargetArn"].as_str()?)?.to_owned();
        (1..=1000).contains(&max_receives).then_some(Self { dead_letter_queue, max_receives })
    }
}

/// The ARN of the queue of this name. All queues belong to one made-up account and region.
pub(crate) fn arn(name: &str) -> String {
    format!("{ARN_PREFIX}{name}")
}

/// The name of the queue an ARN points to, of whatever account and region: templates name real ones.
pub(crate) fn name_in_arn(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:aws:sqs:")?.rsplit(':').next().filter(|name| !name.is_empty())
}
