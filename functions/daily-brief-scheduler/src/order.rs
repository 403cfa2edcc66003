//! What an event asks the scheduler for.

use bespin_primitives::{Date, TenantId, parse_date};
use serde_json::Value;

/// Which briefs are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// The briefs of this date, whether they are due or not; of none, those that are due.
    pub date: Option<Date>,
    /// Of this tenant; of none, of all.
    pub tenant_id: Option<TenantId>,
}

/// A member of the event that cannot be what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{member} must be {expected}")]
pub struct BadEvent {
    /// Which member.
    pub member: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

impl Order {
    /// Reads `date` (`YYYY-MM-DD`) and `tenant_id` from the `detail` of an EventBridge event or, where a rule or a person
    /// sends only what they mean, from the event itself.
    pub fn parse(event: &Value) -> Result<Self, BadEvent> {
        let from = event.get("detail").filter(|detail| detail.is_object()).unwrap_or(event);
        Ok(Self {
            date: member(from, "date", "a date written YYYY-MM-DD", parse_date)?,
            tenant_id: member(from, "tenant_id", "the id of a tenant", TenantId::parse)?,
        })
    }
}

fn member<T>(
    from: &Value,
    member: &'static str,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, BadEvent> {
    match from.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().and_then(parse).map(Some).ok_or(BadEvent { member, expected }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_date_and_a_tenant_may_be_named_in_the_detail_or_alone() {
        let tenant = "11111111-1111-4111-8111-111111111111";
        let named = Order { date: parse_date("2026-02-01"), tenant_id: TenantId::parse(tenant) };
        let detail = json!({"date": "2026-02-01", "tenant_id": tenant});

        assert_eq!(Order::parse(&detail), Ok(named));
        assert_eq!(Order::parse(&json!({"source": "aws.events", "detail": detail})), Ok(named));
        assert_eq!(Order::parse(&json!({"source": "aws.events", "detail": {}})), Ok(Order::default()));
        assert_eq!(Order::parse(&json!(null)), Ok(Order::default()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (event, member) in [
            (json!({"date": "2026-02-30"}), "date"),
            (json!({"date": 20_260_201}), "date"),
            (json!({"detail": {"tenant_id": "all"}}), "tenant_id"),
        ] {
            assert_eq!(Order::parse(&event).unwrap_err().member, member);
        }
    }
}
