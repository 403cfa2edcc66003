//! Conditions and changes, written in our words and rendered into the store's expressions.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use bespin_primitives::Timestamp;

use crate::Attribute;

/// What must be true of an item for a write to happen.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Condition {
    clauses: Vec<Clause>,
}

#[derive(Debug, Clone)]
enum Clause {
    Absent,
    Present,
    AbsentOrExpired { now_seconds: i64 },
    AtMost { attribute: String, ceiling: AttributeValue },
    Equals { attribute: String, value: AttributeValue },
}

impl Condition {
    /// There is no such item.
    pub fn absent() -> Self {
        Self { clauses: vec![Clause::Absent] }
    }

    /// There is such an item.
    pub fn present() -> Self {
        Self { clauses: vec![Clause::Present] }
    }

    /// There is no such item, or its time to live is over and it merely was not deleted yet.
    pub fn absent_or_expired(now: Timestamp) -> Self {
        Self { clauses: vec![Clause::AbsentOrExpired { now_seconds: now.epoch_seconds() }] }
    }

    /// A counter is absent or not above `ceiling`.
    pub fn and_at_most(mut self, attribute: &str, ceiling: &impl Attribute) -> Self {
        self.clauses
            .push(Clause::AtMost { attribute: attribute.to_owned(), ceiling: ceiling.to_attribute() });
        self
    }

    /// An attribute has this value.
    pub fn and_equals(mut self, attribute: &str, value: &impl Attribute) -> Self {
        self.clauses.push(Clause::Equals { attribute: attribute.to_owned(), value: value.to_attribute() });
        self
    }
}

/// How an item is changed where it stands.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Change {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Add { attribute: String, amount: AttributeValue },
    Set { attribute: String, value: AttributeValue },
    SetOnce { attribute: String, value: AttributeValue },
    Remove { attribute: String },
}

impl Change {
    /// Adds to a number; an absent one counts as 0.
    pub fn add(mut self, attribute: &str, amount: &impl Attribute) -> Self {
        self.steps.push(Step::Add { attribute: attribute.to_owned(), amount: amount.to_attribute() });
        self
    }

    /// Sets an attribute.
    pub fn set(mut self, attribute: &str, value: &impl Attribute) -> Self {
        self.steps.push(Step::Set { attribute: attribute.to_owned(), value: value.to_attribute() });
        self
    }

    /// Sets an attribute that is not there yet.
    pub fn set_once(mut self, attribute: &str, value: &impl Attribute) -> Self {
        self.steps.push(Step::SetOnce { attribute: attribute.to_owned(), value: value.to_attribute() });
        self
    }

    /// Removes an attribute.
    pub fn remove(mut self, attribute: &str) -> Self {
        self.steps.push(Step::Remove { attribute: attribute.to_owned() });
        self
    }
}

type Names = HashMap<String, String>;
type Values = HashMap<String, AttributeValue>;

/// The names and values that an expression's text refers to. All names go through placeholders, so that no
/// attribute can meet a reserved word.
#[derive(Debug, Default)]
pub(crate) struct Placeholders {
    names: Names,
    values: Values,
}

impl Placeholders {
    fn name(&mut self, attribute: &str) -> String {
        if let Some((placeholder, _)) = self.names.iter().find(|(_, name)| *name == attribute) {
            return placeholder.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    pub(crate) fn condition(&mut self, condition: Condition) -> Option<String> {
        let clauses: Vec<String> = condition.clauses.into_iter().map(|clause| self.clause(clause)).collect();
        (!clauses.is_empty()).then(|| clauses.join(" AND "))
    }

    fn clause(&mut self, clause: Clause) -> String {
        match clause {
            Clause::Absent => format!("attribute_not_exists({})", self.name("pk")),
            Clause::Present => format!("attribute_exists({})", self.name("pk")),
            Clause::AbsentOrExpired { now_seconds } => {
                let (pk, at) = (self.name("pk"), self.name("expires_at"));
                format!("(attribute_not_exists({pk}) OR {at} <= {})", self.value(now_seconds.to_attribute()))
            }
            Clause::AtMost { attribute, ceiling } => {
                // A comparison with an absent attribute is false, hence the first half.
                let name = self.name(&attribute);
                format!("(attribute_not_exists({name}) OR {name} <= {})", self.value(ceiling))
            }
            Clause::Equals { attribute, value } => {
                format!("{} = {}", self.name(&attribute), self.value(value))
            }
        }
    }

    pub(crate) fn change(&mut self, change: Change) -> String {
        let (mut add, mut set, mut remove) = (Vec::new(), Vec::new(), Vec::new());
        for step in change.steps {
            match step {
                Step::Add { attribute, amount } => {
                    add.push(format!("{} {}", self.name(&attribute), self.value(amount)));
                }
                Step::Set { attribute, value } => {
                    set.push(format!("{} = {}", self.name(&attribute), self.value(value)));
                }
                Step::SetOnce { attribute, value } => {
                    let name = self.name(&attribute);
                    set.push(format!("{name} = if_not_exists({name}, {})", self.value(value)));
                }
                Step::Remove { attribute } => remove.push(self.name(&attribute)),
            }
        }
        [("ADD", add), ("SET", set), ("REMOVE", remove)]
            .into_iter()
            .filter(|(_, parts)| !parts.is_empty())
            .map(|(verb, parts)| format!("{verb} {}", parts.join(", ")))
            .collect::<Vec<_>>()
            .join(" ")
    }

    pub(crate) fn into_maps(self) -> (Option<Names>, Option<Values>) {
        ((!self.names.is_empty()).then_some(self.names), (!self.values.is_empty()).then_some(self.values))
    }
}
