//! What the store was asked for, asked again by the bare SDK and nothing else.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    error::DisplayErrorContext,
    primitives::Blob,
    types::{
        AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, ReturnValue,
        ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
    },
};
use futures::{StreamExt, stream};
use serde_json::Value;

/// How many reads the product sends at the same time, at most.
const READS_AT_ONCE: usize = 16;

/// One call, as the store got it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) body: Value,
}

impl Call {
    fn is_read(&self) -> bool {
        ["GetItem", "BatchGetItem", "Query"].contains(&self.operation.as_str())
    }
}

pub(crate) type Item = HashMap<String, AttributeValue>;

/// Calls, made ready so that asking again costs the SDK alone.
#[derive(Clone)]
pub(crate) struct Bare {
    client: Client,
    reads: Vec<Ready>,
    writes: Vec<Ready>,
}

#[derive(Debug, Clone)]
enum Ready {
    Get { table: String, key: Item },
    BatchGet { tables: HashMap<String, KeysAndAttributes> },
    Query(Box<Query>),
    Transact(Vec<TransactWriteItem>),
    Update(Box<Update>),
}

#[derive(Debug, Clone)]
struct Query {
    table: String,
    condition: Option<String>,
    filter: Option<String>,
    projection: Option<String>,
    names: Option<HashMap<String, String>>,
    values: Option<Item>,
    limit: Option<i32>,
    forward: Option<bool>,
    start: Option<Item>,
}

impl Bare {
    pub(crate) fn new(client: &Client, calls: &[Call]) -> Self {
        let (reads, writes): (Vec<_>, Vec<_>) = calls.iter().partition(|call| call.is_read());
        let made = |calls: Vec<&Call>| calls.into_iter().map(ready).collect();
        Self { client: client.clone(), reads: made(reads), writes: made(writes) }
    }

    /// The reads alone.
    pub(crate) fn reads(self) -> Self {
        assert!(!self.reads.is_empty(), "nothing was read");
        Self { writes: Vec::new(), ..self }
    }

    /// The writes alone.
    pub(crate) fn writes(self) -> Self {
        assert!(!self.writes.is_empty(), "nothing was written");
        Self { reads: Vec::new(), ..self }
    }

    pub(crate) fn calls(&self) -> usize {
        self.reads.len() + self.writes.len()
    }

    /// Asks for all of it: reads as many at once as the product does, then writes one after the other. What is put gets a key
    /// that it never had, by `number`.
    pub(crate) async fn ask(&self, number: u64) {
        if let [only] = &self.reads[..] {
            self.ask_one(only, number).await;
        } else {
            let mut asked = Vec::with_capacity(self.reads.len());
            for read in &self.reads {
                asked.push(self.ask_one(read, number));
            }
            stream::iter(asked).buffer_unordered(READS_AT_ONCE).collect::<()>().await;
        }
        for write in &self.writes {
            self.ask_one(write, number).await;
        }
    }

    async fn ask_one(&self, call: &Ready, number: u64) {
        let refused = self.refusal(call, number).await;
        assert!(refused.is_none(), "the bare call fails: {}", refused.unwrap_or_default());
    }

    /// Asks, and tells why it was refused, if it was.
    async fn refusal(&self, call: &Ready, number: u64) -> Option<String> {
        let client = &self.client;
        match call.clone() {
            Ready::Get { table, key } => {
                let asked = client.get_item().table_name(table).set_key(Some(key));
                asked.send().await.err().map(|error| DisplayErrorContext(error).to_string())
            }
            Ready::BatchGet { tables } => {
                let asked = client.batch_get_item().set_request_items(Some(tables));
                asked.send().await.err().map(|error| DisplayErrorContext(error).to_string())
            }
            Ready::Query(query) => {
                let query = *query;
                let asked = client
                    .query()
                    .table_name(query.table)
                    .set_key_condition_expression(query.condition)
                    .set_filter_expression(query.filter)
                    .set_projection_expression(query.projection)
                    .set_expression_attribute_names(query.names)
                    .set_expression_attribute_values(query.values)
                    .set_limit(query.limit)
                    .set_scan_index_forward(query.forward)
                    .set_exclusive_start_key(query.start);
                asked.send().await.err().map(|error| DisplayErrorContext(error).to_string())
            }
            Ready::Transact(items) => {
                let items = items.into_iter().map(|item| renewed(item, number)).collect();
                let asked = client.transact_write_items().set_transact_items(Some(items));
                asked.send().await.err().map(|error| DisplayErrorContext(error).to_string())
            }
            Ready::Update(mut update) => {
                if !is_counter(&update.key) {
                    renew(&mut update.key, number);
                }
                let asked = client
                    .update_item()
                    .table_name(update.table_name)
                    .set_key(Some(update.key))
                    .update_expression(update.update_expression)
                    .set_condition_expression(update.condition_expression)
                    .set_expression_attribute_names(update.expression_attribute_names)
                    .set_expression_attribute_values(update.expression_attribute_values)
                    .return_values(ReturnValue::None);
                asked.send().await.err().map(|error| DisplayErrorContext(error).to_string())
            }
        }
    }
}

/// The same about an item that there is not, so that it passes however often it is asked. Counters stay what they are: they
/// pass by their own conditions, and are what everybody writes to.
fn renewed(mut item: TransactWriteItem, number: u64) -> TransactWriteItem {
    if let Some(put) = &mut item.put {
        renew(&mut put.item, number);
    }
    let update = item.update.as_mut().map(|update| &mut update.key);
    let delete = item.delete.as_mut().map(|delete| &mut delete.key);
    let check = item.condition_check.as_mut().map(|check| &mut check.key);
    if let Some(key) = update.or(delete).or(check).filter(|key| !is_counter(key)) {
        renew(key, number);
    }
    item
}

/// A condition that an item that is not there meets, and that asks all that it asked.
fn of_new(condition: Option<String>, key: &Item) -> Option<String> {
    let condition = condition?;
    Some(if is_counter(key) { condition } else { format!("attribute_not_exists(pk) OR {condition}") })
}

fn is_counter(key: &Item) -> bool {
    key["pk"].as_s().is_ok_and(|partition| partition.ends_with("#USAGE"))
}

fn renew(key: &mut Item, number: u64) {
    let sort_key = key["sk"].as_s().expect("keys are text");
    let renewed = AttributeValue::S(format!("{sort_key}#{number}"));
    key.insert("sk".to_owned(), renewed);
}

fn ready(call: &Call) -> Ready {
    let body = &call.body;
    let table = || text(&body["TableName"]).expect("a table");
    match call.operation.as_str() {
        "GetItem" => Ready::Get { table: table(), key: item(&body["Key"]) },
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().unwrap().iter();
            let keys = |asked: &Value| {
                let keys = asked["Keys"].as_array().unwrap().iter().map(item).collect();
                KeysAndAttributes::builder().set_keys(Some(keys)).build().unwrap()
            };
            Ready::BatchGet { tables: tables.map(|(table, asked)| (table.clone(), keys(asked))).collect() }
        }
        "Query" => Ready::Query(Box::new(Query {
            table: table(),
            condition: text(&body["KeyConditionExpression"]),
            filter: text(&body["FilterExpression"]),
            projection: text(&body["ProjectionExpression"]),
            names: names(body),
            values: values(body),
            limit: body["Limit"].as_i64().map(|limit| i32::try_from(limit).unwrap()),
            forward: body["ScanIndexForward"].as_bool(),
            start: body.get("ExclusiveStartKey").map(item),
        })),
        "TransactWriteItems" => {
            Ready::Transact(body["TransactItems"].as_array().unwrap().iter().map(transacted).collect())
        }
        "UpdateItem" => Ready::Update(Box::new(update(body))),
        other => panic!("{other} is not asked again yet"),
    }
}

fn transacted(sent: &Value) -> TransactWriteItem {
    let (kind, body) = sent.as_object().unwrap().iter().next().unwrap();
    let old = Some(ReturnValuesOnConditionCheckFailure::AllOld)
        .filter(|_| body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD");
    let table = text(&body["TableName"]);
    let key = item(if kind == "Put" { &body["Item"] } else { &body["Key"] });
    let condition = of_new(text(&body["ConditionExpression"]), &key);
    let (names, values) = (names(body), values(body));
    let builder = TransactWriteItem::builder();
    match kind.as_str() {
        "Put" => builder.put(
            Put::builder()
                .set_table_name(table)
                .set_item(Some(item(&body["Item"])))
                .set_condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .set_return_values_on_condition_check_failure(old)
                .build()
                .unwrap(),
        ),
        "Update" => builder.update(update(body)),
        "Delete" => builder.delete(
            Delete::builder()
                .set_table_name(table)
                .set_key(Some(item(&body["Key"])))
                .set_condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .unwrap(),
        ),
        "ConditionCheck" => builder.condition_check(
            ConditionCheck::builder()
                .set_table_name(table)
                .set_key(Some(item(&body["Key"])))
                .set_condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .build()
                .unwrap(),
        ),
        other => panic!("a transaction has no {other}"),
    }
    .build()
}

fn update(body: &Value) -> Update {
    let old = Some(ReturnValuesOnConditionCheckFailure::AllOld)
        .filter(|_| body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD");
    Update::builder()
        .set_table_name(text(&body["TableName"]))
        .set_key(Some(item(&body["Key"])))
        .set_update_expression(text(&body["UpdateExpression"]))
        .set_condition_expression(of_new(text(&body["ConditionExpression"]), &item(&body["Key"])))
        .set_expression_attribute_names(names(body))
        .set_expression_attribute_values(values(body))
        .set_return_values_on_condition_check_failure(old)
        .build()
        .unwrap()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn names(body: &Value) -> Option<HashMap<String, String>> {
    let names = body["ExpressionAttributeNames"].as_object()?.iter();
    Some(names.map(|(name, path)| (name.clone(), text(path).unwrap())).collect())
}

fn values(body: &Value) -> Option<Item> {
    body.get("ExpressionAttributeValues").map(item)
}

/// An item as the store gets it.
pub(crate) fn item(value: &Value) -> Item {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let text = || text(value).unwrap();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "NULL" => AttributeValue::Null(true),
        "B" => AttributeValue::B(Blob::new(data_encoding::BASE64.decode(text().as_bytes()).unwrap())),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(attribute).collect()),
        "M" => AttributeValue::M(item(value)),
        "SS" => AttributeValue::Ss(
            value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        ),
        other => panic!("there is no attribute of kind {other}"),
    }
}
