#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, clippy::panic)]

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, KeysAndAttributes, Put,
    PutRequest, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, ScalarAttributeType,
    TimeToLiveSpecification, TransactWriteItem, Update, WriteRequest,
};
use bespin_aws::{Connection, Service};
use bespin_embedded::{Embedded, EmbeddedDynamoDb, Fault, MillisClock};

const TABLE: &str = "table";

fn client(connection: &Connection) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(connection.region().to_owned()))
        .credentials_provider(connection.credentials())
        .http_client(connection.http_client())
        .retry_config(RetryConfig::disabled())
        .endpoint_url(connection.endpoint(Service::DynamoDb).unwrap());
    Client::from_conf(config.build())
}

async fn with_table(client: Client) -> Client {
    let attribute = |name: &str| {
        let definition = AttributeDefinition::builder().attribute_name(name);
        definition.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let create = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    let create = create.attribute_definitions(attribute("pk")).attribute_definitions(attribute("sk"));
    let create = create.key_schema(key("pk", KeyType::Hash)).key_schema(key("sk", KeyType::Range));
    create.send().await.unwrap();
    client
}

async fn over(dynamodb: &EmbeddedDynamoDb) -> Client {
    with_table(client(&Connection::local(dynamodb.http_client()))).await
}

fn key(sk: &str) -> HashMap<String, AttributeValue> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    HashMap::from([("pk".to_owned(), text("p")), ("sk".to_owned(), text(sk))])
}

fn item(sk: &str, used: u64) -> HashMap<String, AttributeValue> {
    let mut item = key(sk);
    item.insert("used".to_owned(), AttributeValue::N(used.to_string()));
    item
}

fn put(sk: &str) -> TransactWriteItem {
    let put = Put::builder().table_name(TABLE).set_item(Some(item(sk, 1)));
    TransactWriteItem::builder().put(put.build().unwrap()).build()
}

fn put_request(sk: &str) -> WriteRequest {
    let put = PutRequest::builder().set_item(Some(item(sk, 1))).build().unwrap();
    WriteRequest::builder().put_request(put).build()
}

async fn count(client: &Client) -> i32 {
    client.scan().table_name(TABLE).send().await.unwrap().count
}

#[tokio::test]
async fn a_failed_condition_in_a_transaction_gives_back_the_old_item_and_changes_nothing() {
    let client = over(&EmbeddedDynamoDb::open_in_memory().unwrap()).await;
    client.put_item().table_name(TABLE).set_item(Some(item("counter", 98))).send().await.unwrap();
    let spend = Update::builder()
        .table_name(TABLE)
        .set_key(Some(key("counter")))
        .update_expression("ADD used :n")
        .condition_expression("used <= :most")
        .expression_attribute_values(":n", AttributeValue::N("7".to_owned()))
        .expression_attribute_values(":most", AttributeValue::N("93".to_owned()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .unwrap();
    let spend = TransactWriteItem::builder().update(spend).build();

    let refused =
        client.transact_write_items().transact_items(put("entry")).transact_items(spend).send().await;

    let TransactWriteItemsError::TransactionCanceledException(canceled) =
        refused.unwrap_err().into_service_error()
    else {
        panic!("canceled");
    };
    let reasons = canceled.cancellation_reasons();
    assert_eq!(reasons[0].code(), Some("None"));
    assert_eq!(reasons[1].code(), Some("ConditionalCheckFailed"));
    assert_eq!(reasons[1].item(), Some(&item("counter", 98)));
    assert_eq!(count(&client).await, 1);
}

#[tokio::test]
async fn pages_limits_and_consumed_capacity_come_through() {
    let client = over(&EmbeddedDynamoDb::open_in_memory().unwrap()).await;
    for n in 0..5 {
        client.put_item().table_name(TABLE).set_item(Some(item(&n.to_string(), n))).send().await.unwrap();
    }

    let page = client.query().table_name(TABLE).key_condition_expression("pk = :p").limit(2);
    let page = page.expression_attribute_values(":p", AttributeValue::S("p".to_owned()));
    let page = page.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();

    assert_eq!(page.items(), [item("0", 0), item("1", 1)]);
    assert_eq!(page.last_evaluated_key(), Some(&key("1")));
    assert_eq!(page.consumed_capacity().unwrap().capacity_units(), Some(0.5));
}

#[tokio::test]
async fn a_number_that_is_none_is_a_validation_error() {
    let client = over(&EmbeddedDynamoDb::open_in_memory().unwrap()).await;
    for wrong in ["not a number", "123456789012345678901234567890123456789", "1e400"] {
        let mut item = key("x");
        item.insert("n".to_owned(), AttributeValue::N(wrong.to_owned()));

        let refused = client.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap_err();

        assert_eq!(refused.code(), Some("ValidationException"), "{wrong}");
        let message = refused.message().unwrap();
        assert!(!message.contains("VALIDATION") && !message.contains(" at line "), "{message}");
    }
}

#[tokio::test]
async fn expired_items_go_when_swept_by_the_clock_they_were_given() {
    let clock = MillisClock::new(|| 1_800_000_000_000);
    let dynamodb = EmbeddedDynamoDb::open_in_memory_at(clock).unwrap();
    let client = over(&dynamodb).await;
    let ttl = TimeToLiveSpecification::builder().attribute_name("expires_at").enabled(true).build().unwrap();
    client.update_time_to_live().table_name(TABLE).time_to_live_specification(ttl).send().await.unwrap();
    for (sk, expires_at) in [("old", "1799999999"), ("new", "1800000001")] {
        let mut item = key(sk);
        item.insert("expires_at".to_owned(), AttributeValue::N(expires_at.to_owned()));
        client.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
    }

    assert_eq!(dynamodb.sweep_ttl().unwrap(), 1);
    assert_eq!(count(&client).await, 1);
}

#[tokio::test]
async fn a_conflict_cancels_a_transaction_and_is_gone_on_the_next_try() {
    let dynamodb = EmbeddedDynamoDb::open_in_memory().unwrap();
    let client = over(&dynamodb).await;
    let write = || client.transact_write_items().transact_items(put("a")).transact_items(put("b")).send();
    dynamodb.faults().next("TransactWriteItems", Fault::Conflict);

    let TransactWriteItemsError::TransactionCanceledException(canceled) =
        write().await.unwrap_err().into_service_error()
    else {
        panic!("canceled");
    };
    let codes: Vec<_> = canceled.cancellation_reasons().iter().map(|reason| reason.code().unwrap()).collect();
    assert_eq!(codes, ["TransactionConflict", "None"]);
    assert_eq!(count(&client).await, 0);

    write().await.unwrap();
    assert_eq!((count(&client).await, dynamodb.faults().calls("TransactWriteItems")), (2, 2));

    dynamodb.faults().next("PutItem", Fault::Conflict);
    let put = client.put_item().table_name(TABLE).set_item(Some(item("a", 2))).send().await;
    assert!(put.unwrap_err().into_service_error().is_transaction_conflict_exception());
}

#[tokio::test]
async fn throttling_and_server_errors_do_nothing_and_a_lost_reply_does_all() {
    let dynamodb = EmbeddedDynamoDb::open_in_memory().unwrap();
    let client = over(&dynamodb).await;
    let put = || client.put_item().table_name(TABLE).set_item(Some(item("a", 1))).send();
    let faults = dynamodb.faults();

    faults.next("PutItem", Fault::Throttled);
    faults.next("PutItem", Fault::ServerError);
    faults.next("PutItem", Fault::NotSent);
    let throttled = put().await.unwrap_err().into_service_error();
    assert!(throttled.is_provisioned_throughput_exceeded_exception());
    assert!(put().await.unwrap_err().into_service_error().is_internal_server_error());
    assert!(put().await.unwrap_err().as_service_error().is_none());
    assert_eq!(count(&client).await, 0);

    faults.next("PutItem", Fault::ReplyLost);
    assert!(put().await.unwrap_err().as_service_error().is_none());
    assert_eq!(count(&client).await, 1);
}

#[tokio::test]
async fn a_batch_can_hand_back_its_last_entry() {
    let dynamodb = EmbeddedDynamoDb::open_in_memory().unwrap();
    let client = over(&dynamodb).await;
    dynamodb.faults().times("BatchWriteItem", Fault::Unprocessed, 2);
    dynamodb.faults().next("BatchGetItem", Fault::Unprocessed);
    let write = |writes| client.batch_write_item().request_items(TABLE, writes).send();

    let written = write(vec![put_request("a"), put_request("b")]).await.unwrap();
    let left = written.unprocessed_items.unwrap();
    assert_eq!(left[TABLE], [put_request("b")]);
    let written = write(vec![put_request("b")]).await.unwrap();
    assert_eq!(written.unprocessed_items.unwrap()[TABLE], [put_request("b")]);
    assert_eq!(count(&client).await, 1);
    assert!(write(vec![put_request("b")]).await.unwrap().unprocessed_items.unwrap_or_default().is_empty());

    let keys = KeysAndAttributes::builder().keys(key("a")).keys(key("b")).consistent_read(true);
    let got = client.batch_get_item().request_items(TABLE, keys.build().unwrap()).send().await.unwrap();
    assert_eq!(got.responses.unwrap()[TABLE], [item("a", 1)]);
    let left = &got.unprocessed_keys.unwrap()[TABLE];
    assert_eq!((left.keys(), left.consistent_read()), ([key("b")].as_slice(), Some(true)));
}

#[tokio::test]
async fn a_process_can_die_between_any_two_calls_to_either_store() {
    let embedded = Embedded::open_in_memory().unwrap();
    let client = with_table(client(&embedded.connection())).await;
    let put = |sk| client.put_item().table_name(TABLE).set_item(Some(item(sk, 1))).send();

    embedded.faults().stop_after(1);
    put("before").await.unwrap();
    put("after").await.unwrap_err();
    put("after").await.unwrap_err();

    embedded.faults().clear();
    assert_eq!(count(&client).await, 1);
    // CreateTable, three puts and the scan: a call that met a fault is a call.
    assert_eq!((embedded.faults().calls("PutItem"), embedded.faults().total_calls()), (3, 5));
}

#[tokio::test]
async fn one_seed_gives_one_history() {
    async fn history(seed: u64) -> Vec<bool> {
        let dynamodb = EmbeddedDynamoDb::open_in_memory().unwrap();
        let client = over(&dynamodb).await;
        dynamodb.faults().random(seed, 300, &[Fault::Throttled, Fault::ReplyLost, Fault::Unprocessed]);
        let mut history = Vec::new();
        for n in 0..40 {
            let put =
                client.put_item().table_name(TABLE).set_item(Some(item(&n.to_string(), n))).send().await;
            history.push(put.is_ok());
        }
        history
    }

    let first = history(1).await;

    assert_eq!(first, history(1).await);
    assert_ne!(first, history(2).await);
    assert!(first.contains(&true) && first.contains(&false));
}

#[tokio::test]
async fn tasks_interleave_between_their_calls_even_on_one_thread() {
    let dynamodb = EmbeddedDynamoDb::open_in_memory().unwrap();
    let client = over(&dynamodb).await;
    let read_then_write = || async {
        let old = client.get_item().table_name(TABLE).set_key(Some(key("n"))).send().await.unwrap().item;
        let used = old.map_or(0, |item| item["used"].as_n().unwrap().parse().unwrap());
        client.put_item().table_name(TABLE).set_item(Some(item("n", used + 1))).send().await.unwrap();
    };

    tokio::join!(read_then_write(), read_then_write());

    // Both read before either wrote: an update was lost, as it would be in AWS.
    let stored = client.get_item().table_name(TABLE).set_key(Some(key("n"))).send().await.unwrap();
    assert_eq!(stored.item, Some(item("n", 1)));
}

#[tokio::test]
async fn items_outlive_the_process_and_one_folder_holds_both_stores() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    {
        let embedded = Embedded::open(&path).unwrap();
        let client = with_table(client(&embedded.connection())).await;
        client.put_item().table_name(TABLE).set_item(Some(item("a", 1))).send().await.unwrap();
    }

    let embedded = Embedded::open(&path).unwrap();
    let client = client(&embedded.connection());

    assert_eq!(count(&client).await, 1);
    assert!(path.join("dynamodb.sqlite").exists() && path.join("sqs.sqlite").exists());
}

#[tokio::test]
async fn the_same_tables_are_on_a_port() {
    let dynamodb = EmbeddedDynamoDb::open_in_memory().unwrap();
    let inside = over(&dynamodb).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shared = dynamodb.clone();
    let server =
        tokio::spawn(async move { shared.serve(listener, async { stopped.await.unwrap_or(()) }).await });

    let lookup = |name: &str| (name == "AWS_ENDPOINT_URL_DYNAMODB").then(|| endpoint.clone());
    let outside = client(&Connection::from_lookup(lookup).unwrap());
    outside.put_item().table_name(TABLE).set_item(Some(item("a", 1))).send().await.unwrap();

    assert_eq!(count(&inside).await, 1);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn copies_of_an_item_differ_in_what_was_replaced_and_nothing_else() {
    let dynamodb = EmbeddedDynamoDb::open_in_memory().unwrap();
    let client = over(&dynamodb).await;
    client.put_item().table_name(TABLE).set_item(Some(item("a", 1))).send().await.unwrap();
    let original = [("pk", "p"), ("sk", "a")];
    let copies = |name| (0..5_000).map(move |n| vec![("sk", format!("b{n}")), (name, n.to_string())]);

    assert_eq!(dynamodb.put_copies(TABLE, &original, copies("used")).unwrap(), 5_000);

    for n in [0, 4_999] {
        let sk = format!("b{n}");
        let got = client.get_item().table_name(TABLE).set_key(Some(key(&sk))).send().await.unwrap();
        assert_eq!(got.item, Some(item(&sk, n)));
    }
    assert!(dynamodb.put_copies(TABLE, &original, copies("missing")).is_err());
    assert!(dynamodb.put_copies(TABLE, &[("pk", "p"), ("sk", "c")], copies("used")).is_err());
}
