//! `make prove`, as a person runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod running;

use std::{path::Path, sync::Arc};

use bespin_embedded::Embedded;
use bespin_primitives::{Clock, OsRandom, SystemClock, TenantId};
use bespin_table::{Change, Condition, Table, Transaction, keys};
use running::{LocalCloud, bespin_prove, end_of, text};
use serde_json::json;
use tempfile::tempdir;

/// The status, what was printed, and what was told beside it.
fn proof(settings: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = end_of(bespin_prove(settings));
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Calls a tool so many times; gives the tenant's id.
fn use_tools(cloud: &LocalCloud, calls: usize) -> String {
    let tenant = cloud.demo_tenant();
    for key in 0..calls {
        let tenant = tenant.with("Idempotency-Key", &key.to_string());
        let body = json!({"tool_name": "echo", "payload": {}});
        assert_eq!(tenant.post("/v1/tools/invoke", &body).0, 200);
    }
    cloud.told("X-Tenant-ID").to_owned()
}

/// Adds a micro-credit to what a tenant is said to have used this month.
fn falsify(folder: &Path, tenant_id: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let embedded = Embedded::open(folder).unwrap();
        let table = Table::new(&embedded.connection(), "bespin", Arc::new(OsRandom));
        let counters = keys::usage(TenantId::parse(tenant_id).unwrap(), SystemClock.now().period());
        let mut write = Transaction::new();
        write.update(counters, Change::default().add("credits", &1u64), Condition::present());
        table.commit(write).await.unwrap();
    });
}

#[test]
fn the_numbers_of_a_folder_are_proved_while_the_cloud_runs_and_after() {
    let home = tempdir().unwrap();
    let folder = home.path().to_str().unwrap();
    let cloud = LocalCloud::start(&[("BESPIN_DATA", folder)]);
    let tenant_id = use_tools(&cloud, 3);
    let agrees = (Some(0), "1 tenant, 1 month, 3 entries: everything agrees\n".to_owned(), String::new());

    let port = cloud.told("DynamoDB").rsplit(':').next().unwrap();
    assert_eq!(proof(&[("BESPIN_DATA", folder), ("DYNAMODB_PORT", port)]), agrees);
    cloud.stop();

    assert_eq!(proof(&[("BESPIN_DATA", folder)]), agrees);
    assert_eq!(proof(&[("BESPIN_DATA", folder), ("TENANT", &tenant_id)]), agrees);
}

#[test]
fn a_falsified_counter_is_told_with_both_numbers_and_by_the_status() {
    let home = tempdir().unwrap();
    let folder = home.path().to_str().unwrap();
    let cloud = LocalCloud::start(&[("BESPIN_DATA", folder)]);
    let tenant_id = use_tools(&cloud, 2);
    cloud.stop();
    falsify(home.path(), &tenant_id);

    let (status, printed, told) = proof(&[("BESPIN_DATA", folder)]);

    let month = SystemClock.now().period();
    let expected = format!(
        "tenant {tenant_id} (Demo)\n  {month} micro-credits: the counter says 4000001, the ledger 4000000\n\
         1 tenant, 1 month, 2 entries: 1 difference\n"
    );
    assert_eq!((status, printed.as_str(), told.as_str()), (Some(1), expected.as_str(), ""));
}

#[test]
fn what_cannot_be_proved_is_told_in_one_sentence() {
    let home = tempdir().unwrap();
    let nowhere = home.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    let unknown = "770e8400-e29b-41d4-a716-446655440000";
    let cloud = LocalCloud::start(&[("BESPIN_DATA", home.path().to_str().unwrap())]);
    cloud.stop();
    for (settings, sentence) in [
        (vec![("BESPIN_DATA", nowhere)], format!("there are no data in {nowhere}: `make run` makes some")),
        (
            vec![("BESPIN_DATA", ":memory:")],
            "data in memory end with their process; set BESPIN_DATA to a folder".into(),
        ),
        (vec![("TENANT", "me")], "there is no tenant 'me'".into()),
        (
            vec![("BESPIN_DATA", home.path().to_str().unwrap()), ("TENANT", unknown)],
            format!("there is no tenant '{unknown}'"),
        ),
        (vec![("STORE", "gcp")], "STORE must be aws, or not be set".into()),
        (vec![("STORE", "aws")], "TABLE_NAME must be set for STORE=aws".into()),
    ] {
        let told = (Some(2), String::new(), format!("bespin-prove: {sentence}\n"));
        assert_eq!(proof(&settings), told);
    }
    assert!(!Path::new(nowhere).exists(), "looking makes nothing");
}
