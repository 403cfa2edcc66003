//! The table: single reads, batches, queries. Writes are transactions (see `transaction.rs`).

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Region, retry::RetryConfig},
    error::SdkError,
    operation::put_item::PutItemError,
    types::{
        AttributeValue, ConsumedCapacity, KeysAndAttributes, ReturnConsumedCapacity,
        ReturnValuesOnConditionCheckFailure,
    },
};
use bespin_aws::{Connection, Service};
use bespin_primitives::Random;

use crate::{
    Condition, Cost, Cursor, Item, Key, Order, Page, Query, Refused, RetryPolicy, TableError, cost::add,
    error::CallFailure, expression::Placeholders, item::key_attributes,
};

/// How many items one batched read takes: the store's limit.
const MAX_BATCH: usize = 100;

type KeyAttributes = HashMap<String, AttributeValue>;

/// A handle on the one table. Cloning is cheap. Every read is strongly consistent.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: Arc<str>,
    random: Arc<dyn Random>,
    retry: RetryPolicy,
}

impl Table {
    /// The table `name` of the store that `connection` reaches. `random` feeds jitter and tokens.
    pub fn new(connection: &Connection, name: &str, random: Arc<dyn Random>) -> Self {
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(connection.http_client())
            .region(Region::new(connection.region().to_owned()))
            .credentials_provider(connection.credentials())
            // Repeating is done here, where it is counted and its waits come from `random`.
            .retry_config(RetryConfig::disabled());
        config.set_endpoint_url(connection.endpoint(Service::DynamoDb).map(str::to_owned));
        Self {
            client: Client::from_conf(config.build()),
            name: name.into(),
            random,
            retry: RetryPolicy::default(),
        }
    }

    /// The same table with other waits between repetitions.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Reads one item. One round trip.
    pub async fn get(&self, key: Key) -> Result<Option<Item>, TableError> {
        let key = key_attributes(key);
        let mut tries = self.retry.tries(self.random());
        loop {
            let sent = self
                .client
                .get_item()
                .table_name(self.name())
                .set_key(Some(key.clone()))
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            match sent {
                Ok(output) => {
                    count_read(output.consumed_capacity(), usize::from(output.item().is_some()));
                    return Ok(output.item.map(Item::from_attributes));
                }
                Err(error) => tries.again(failed_call(error)).await?,
            }
        }
    }

    /// Reads many items at once; absent ones are not in the answer. One round trip for each 100 keys.
    pub async fn get_all(&self, keys: &[Key]) -> Result<HashMap<Key, Item>, TableError> {
        let mut found = HashMap::with_capacity(keys.len());
        for batch in keys.chunks(MAX_BATCH) {
            let mut wanted: Vec<_> = batch.iter().cloned().map(key_attributes).collect();
            let mut tries = self.retry.tries(self.random());
            while !wanted.is_empty() {
                let failure = match self.batch_get(wanted.clone()).await {
                    Ok((items, left)) => {
                        found.extend(items.into_iter().map(|item| (item.key(), item)));
                        wanted = left;
                        // What the store left unprocessed is asked for again, at the pace of the retries.
                        CallFailure::Passing("unprocessed keys".into())
                    }
                    Err(failure) => failure,
                };
                if !wanted.is_empty() {
                    tries.again(failure).await?;
                }
            }
        }
        Ok(found)
    }

    /// One batch: what was found, and the keys that the store did not get to.
    async fn batch_get(
        &self,
        keys: Vec<KeyAttributes>,
    ) -> Result<(Vec<Item>, Vec<KeyAttributes>), CallFailure> {
        let request = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build()
            .map_err(|error| CallFailure::Lasting(error.into()))?;
        let sent = self
            .client
            .batch_get_item()
            .request_items(self.name(), request)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let mut output = sent.map_err(failed_call)?;
        let items = output.responses.as_mut().and_then(|all| all.remove(self.name())).unwrap_or_default();
        add(Cost {
            round_trips: 1,
            read_units: output.consumed_capacity().iter().filter_map(ConsumedCapacity::capacity_units).sum(),
            items_read: items.len() as u64,
            ..Cost::default()
        });
        let left = output.unprocessed_keys.as_mut().and_then(|all| all.remove(self.name()));
        Ok((
            items.into_iter().map(Item::from_attributes).collect(),
            left.map(|left| left.keys).unwrap_or_default(),
        ))
    }

    /// Reads a run of items. With a limit, exactly so many if there are; otherwise one page of the store (1 MB).
    pub async fn query(&self, query: Query) -> Result<Page, TableError> {
        let mut page = self.query_once(&query, query.limit, query.after.as_ref()).await?;
        let Some(limit) = query.limit else { return Ok(page) };
        while let Some(next) = page.next.take_if(|_| page.items.len() < limit) {
            let more = self.query_once(&query, Some(limit - page.items.len()), Some(&next)).await?;
            page.items.extend(more.items);
            page.next = more.next;
        }
        Ok(page)
    }

    /// Reads a whole range, page by page. Only for ranges whose size has a stated bound.
    pub async fn query_whole(&self, query: Query) -> Result<Vec<Item>, TableError> {
        let mut page = self.query_once(&query, query.limit, query.after.as_ref()).await?;
        let mut items = page.items;
        while let Some(next) = page.next.take() {
            page = self.query_once(&query, query.limit, Some(&next)).await?;
            items.append(&mut page.items);
        }
        Ok(items)
    }

    /// Writes the whole item if the condition holds; else gives the one that stood in the way. One round trip, and half of
    /// the units of a transaction.
    ///
    /// It carries no token: where a reply was lost, its repetition meets the item that was written. Whoever asks tells its
    /// own item from another's.
    pub async fn put(&self, item: Item, condition: Condition) -> Result<Option<Refused>, TableError> {
        let mut placeholders = Placeholders::default();
        let condition = placeholders.condition(condition);
        let (names, values) = placeholders.into_maps();
        let item = item.into_attributes();
        let mut tries = self.retry.tries(self.random());
        loop {
            let sent = self
                .client
                .put_item()
                .table_name(self.name())
                .set_item(Some(item.clone()))
                .set_condition_expression(condition.clone())
                .set_expression_attribute_names(names.clone())
                .set_expression_attribute_values(values.clone())
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            match sent {
                Ok(output) => {
                    let units = output.consumed_capacity().and_then(ConsumedCapacity::capacity_units);
                    add(Cost { round_trips: 1, write_units: units.unwrap_or_default(), ..Cost::default() });
                    return Ok(None);
                }
                Err(error) => match refused_put(&error) {
                    Some(refused) => return Ok(Some(refused)),
                    None => tries.again(failed_call(error)).await?,
                },
            }
        }
    }

    /// Looks at so many items of the whole table, in no order, from behind a row on; also the last row, unless it was the
    /// end. What it costs grows with the table and not with what is found: only for a store on one's own machine.
    pub async fn scan(
        &self,
        items: usize,
        after: Option<Key>,
    ) -> Result<(Vec<Item>, Option<Key>), TableError> {
        let mut tries = self.retry.tries(self.random());
        loop {
            let sent = self
                .client
                .scan()
                .table_name(self.name())
                .limit(i32::try_from(items).unwrap_or(i32::MAX))
                .set_exclusive_start_key(after.clone().map(key_attributes))
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            match sent {
                Ok(output) => {
                    count_read(output.consumed_capacity(), output.items().len());
                    let last = output.last_evaluated_key.map(|key| Item::from_attributes(key).key());
                    let items = output.items.unwrap_or_default().into_iter().map(Item::from_attributes);
                    return Ok((items.collect(), last));
                }
                Err(error) => tries.again(failed_call(error)).await?,
            }
        }
    }

    async fn query_once(
        &self,
        query: &Query,
        limit: Option<usize>,
        after: Option<&Cursor>,
    ) -> Result<Page, TableError> {
        if limit == Some(0) {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let start =
            after.map(|cursor| key_attributes(Key { pk: query.range.pk.clone(), sk: cursor.sk.clone() }));
        let mut tries = self.retry.tries(self.random());
        loop {
            let sent = self
                .client
                .query()
                .table_name(self.name())
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":pk", AttributeValue::S(query.range.pk.clone()))
                .expression_attribute_values(":from", AttributeValue::S(query.range.from.clone()))
                .expression_attribute_values(":to", AttributeValue::S(query.range.to.clone()))
                .scan_index_forward(query.order == Order::Ascending)
                .set_limit(limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)))
                .set_exclusive_start_key(start.clone())
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            let output = match sent {
                Ok(output) => output,
                Err(error) => {
                    tries.again(failed_call(error)).await?;
                    continue;
                }
            };
            count_read(output.consumed_capacity(), output.items().len());
            let last = output.last_evaluated_key.map(Item::from_attributes);
            let next = last.map(|key| Cursor::new(&query.range.pk, key.sk()));
            let items = output.items.unwrap_or_default().into_iter().map(Item::from_attributes).collect();
            return Ok(Page { items, next });
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.random
    }

    pub(crate) fn retry(&self) -> RetryPolicy {
        self.retry
    }
}

/// What stood in the way of a write that was not done because its condition was false.
fn refused_put<R>(error: &SdkError<PutItemError, R>) -> Option<Refused> {
    let PutItemError::ConditionalCheckFailedException(failed) = error.as_service_error()? else {
        return None;
    };
    add(Cost { round_trips: 1, cancelled: 1, ..Cost::default() });
    Some(Refused { old: failed.item().cloned().map(Item::from_attributes) })
}

fn failed_call<E, R>(error: SdkError<E, R>) -> CallFailure
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    add(Cost { round_trips: 1, ..Cost::default() });
    CallFailure::of(error)
}

fn count_read(capacity: Option<&ConsumedCapacity>, items: usize) {
    add(Cost {
        round_trips: 1,
        read_units: capacity.and_then(ConsumedCapacity::capacity_units).unwrap_or_default(),
        items_read: items as u64,
        ..Cost::default()
    });
}
