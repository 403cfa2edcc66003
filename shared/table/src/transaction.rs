//! Several conditional writes that happen together or not at all.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        CancellationReason, ConditionCheck, ConsumedCapacity, Delete, Put, ReturnConsumedCapacity,
        ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
    },
};
use bespin_primitives::RequestId;

use crate::{
    Change, Condition, Cost, Item, Key, Table, TableError, cost::add, error::CallFailure,
    expression::Placeholders, item::key_attributes,
};

/// How many writes one transaction takes: the store's limit.
pub const MAX_WRITES: usize = 100;

/// Writes to be committed together. Each write is known by its [`Slot`], so that a refusal says which
/// condition failed and what the item was. No two writes may name one item.
#[derive(Debug, Default)]
#[must_use = "a transaction does nothing until it is committed"]
pub struct Transaction {
    writes: Vec<Write>,
}

/// One write of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(usize);

#[derive(Debug)]
enum Write {
    Put(Item, Condition),
    Update(Key, Change, Condition),
    Delete(Key, Condition),
    Check(Key, Condition),
}

/// Why a transaction was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// At least one condition was false; nothing was written.
    #[error("a condition was not met")]
    Refused(Refusals),
    /// The store gave no answer.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Which conditions of a transaction were false.
#[derive(Debug)]
pub struct Refusals {
    failed: Vec<Option<Refused>>,
    /// What was not written.
    writes: Vec<TransactWriteItem>,
}

/// A condition that was false.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The item as it was, in the same instant in which the condition was tried.
    pub old: Option<Item>,
}

impl Refusals {
    /// Whether and on what the condition of one write failed.
    pub fn of(&self, slot: Slot) -> Option<&Refused> {
        self.failed.get(slot.0).and_then(Option::as_ref)
    }

    /// Whether the condition of this write failed and that of no other.
    pub fn only(&self, slot: Slot) -> bool {
        self.failed.iter().enumerate().all(|(number, failed)| failed.is_some() == (number == slot.0))
    }

    /// The item that stood in the way of one write.
    pub fn old(&self, slot: Slot) -> Option<&Item> {
        self.of(slot).and_then(|refused| refused.old.as_ref())
    }
}

impl Transaction {
    /// A transaction of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the whole item.
    pub fn put(&mut self, item: Item, condition: Condition) -> Slot {
        self.push(Write::Put(item, condition))
    }

    /// Changes attributes where they stand, making the item if it is absent.
    pub fn update(&mut self, key: Key, change: Change, condition: Condition) -> Slot {
        self.push(Write::Update(key, change, condition))
    }

    /// Removes the item.
    pub fn delete(&mut self, key: Key, condition: Condition) -> Slot {
        self.push(Write::Delete(key, condition))
    }

    /// Writes nothing; the transaction stands only if this is true.
    pub fn check(&mut self, key: Key, condition: Condition) -> Slot {
        self.push(Write::Check(key, condition))
    }

    /// How many writes it holds; the store takes [`MAX_WRITES`].
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether it holds no write.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    fn push(&mut self, write: Write) -> Slot {
        self.writes.push(write);
        Slot(self.writes.len() - 1)
    }
}

impl Table {
    /// Commits all writes of `transaction`, or none.
    ///
    /// One round trip. Conflicts with other writers, throttling and lost replies are repeated; the repetitions
    /// carry one token, so a commit whose reply was lost is not done again.
    pub async fn commit(&self, transaction: Transaction) -> Result<(), CommitError> {
        let writes = transaction.writes.into_iter().map(|write| self.rendered(write));
        self.send(writes.collect::<Result<Vec<_>, _>>()?).await
    }

    /// Commits anew what was refused, as it was: for when what stood in the way is known to be gone.
    pub async fn commit_again(&self, refusals: Refusals) -> Result<(), CommitError> {
        self.send(refusals.writes).await
    }

    async fn send(&self, writes: Vec<TransactWriteItem>) -> Result<(), CommitError> {
        let token = RequestId::random(self.random()).to_string();
        let mut tries = self.retry().tries(self.random());
        loop {
            let sent = self
                .client()
                .transact_write_items()
                .set_transact_items(Some(writes.clone()))
                .client_request_token(&token)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            add(Cost { round_trips: 1, ..Cost::default() });
            let failure = match sent {
                Ok(output) => {
                    let units =
                        output.consumed_capacity().iter().filter_map(ConsumedCapacity::capacity_units).sum();
                    add(Cost { write_units: units, ..Cost::default() });
                    return Ok(());
                }
                Err(error) => match cancelled(error) {
                    Ok(failed) => return Err(CommitError::Refused(Refusals { failed, writes })),
                    Err(failure) => failure,
                },
            };
            tries.again(failure).await?;
        }
    }

    fn rendered(&self, write: Write) -> Result<TransactWriteItem, TableError> {
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        let mut placeholders = Placeholders::default();
        let built = match write {
            Write::Put(item, condition) => {
                let condition = placeholders.condition(condition);
                let (names, values) = placeholders.into_maps();
                Put::builder()
                    .table_name(self.name())
                    .set_item(Some(item.into_attributes()))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(all_old)
                    .build()
                    .map(|put| TransactWriteItem::builder().put(put).build())
            }
            Write::Update(key, change, condition) => {
                let change = placeholders.change(change);
                let condition = placeholders.condition(condition);
                let (names, values) = placeholders.into_maps();
                Update::builder()
                    .table_name(self.name())
                    .set_key(Some(key_attributes(key)))
                    .update_expression(change)
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(all_old)
                    .build()
                    .map(|update| TransactWriteItem::builder().update(update).build())
            }
            Write::Delete(key, condition) => {
                let condition = placeholders.condition(condition);
                let (names, values) = placeholders.into_maps();
                Delete::builder()
                    .table_name(self.name())
                    .set_key(Some(key_attributes(key)))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(all_old)
                    .build()
                    .map(|delete| TransactWriteItem::builder().delete(delete).build())
            }
            Write::Check(key, condition) => {
                let condition = placeholders.condition(condition).unwrap_or_default();
                let (names, values) = placeholders.into_maps();
                ConditionCheck::builder()
                    .table_name(self.name())
                    .set_key(Some(key_attributes(key)))
                    .condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(all_old)
                    .build()
                    .map(|check| TransactWriteItem::builder().condition_check(check).build())
            }
        };
        built.map_err(|error| TableError::Rejected(error.into()))
    }
}

/// Reads a cancelled transaction: refused by our conditions, or disturbed by others and worth another try.
fn cancelled<R>(error: SdkError<TransactWriteItemsError, R>) -> Result<Vec<Option<Refused>>, CallFailure>
where
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        _ => return Err(CallFailure::of(error)),
    };
    add(Cost { cancelled: 1, ..Cost::default() });
    let codes = || reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None");
    if codes().count() > 0 && codes().all(|code| code == "ConditionalCheckFailed") {
        return Ok(reasons.iter().map(refused).collect());
    }
    // With a conflict among the reasons the failed conditions may be those of a half-seen state: try again.
    if codes().any(|code| matches!(code, "TransactionConflict")) {
        Err(CallFailure::Conflict)
    } else if codes().any(|code| matches!(code, "ThrottlingError" | "ProvisionedThroughputExceeded")) {
        Err(CallFailure::Passing(error.into()))
    } else {
        Err(CallFailure::Lasting(error.into()))
    }
}

fn refused(reason: &CancellationReason) -> Option<Refused> {
    let failed = reason.code() == Some("ConditionalCheckFailed");
    failed.then(|| Refused { old: reason.item().cloned().map(Item::from_attributes) })
}
