//! No page shows a secret.

use bespin_local::{Console, LocalSettings, Storage};
use bespin_tests::{CONSOLE_KEY, World};
use tempfile::tempdir;

use super::told::{TABLES, a_busy_tenant};

#[tokio::test]
async fn no_page_and_no_download_shows_a_secret_or_what_recognises_one() {
    let folder = tempdir().unwrap();
    let storage = Storage::Folder(folder.path().to_owned());
    let console = Console::Key(bespin_access::ConsoleKey::parse(CONSOLE_KEY).unwrap());
    let settings = LocalSettings { storage, console, playground: true, ..World::settings() };
    let world = World::open_with(settings).await;
    let busy = a_busy_tenant(&world).await;
    let mut secrets = busy.secrets.clone();
    secrets.push(CONSOLE_KEY.to_owned());
    secrets.push("the key of the operator".to_owned());
    secrets.push(std::fs::read_to_string(folder.path().join("pepper")).unwrap().trim().to_owned());
    // What recognises a key, and so tells whether a guess is right.
    let scope = busy.admin.access().await;
    let keys = world.deps().api_keys.list(&scope, bespin_tests::noon()).await.unwrap();
    assert_eq!(keys.len(), 2);
    secrets.extend(keys.iter().map(|key| key.hash.as_str().to_owned()));
    // The part of a key that its beginning does not show.
    secrets.extend(busy.secrets[..2].iter().map(|key| key["bsp_local_".len() + 7..].to_owned()));

    let mut pages = vec![
        "/console".to_owned(),
        "/console/tenants".to_owned(),
        format!("/console/tenants/{}", busy.admin.tenant_id),
        "/console/billing".to_owned(),
        "/console/billing/plans/starter".to_owned(),
        "/console/db/download".to_owned(),
        "/ui".to_owned(),
    ];
    pages.extend(TABLES.map(|table| format!("/console/db/{table}?limit=1000")));
    for page in pages {
        let reply = world.console(&page).header("accept", "text/html").send().await;
        assert_eq!(reply.status, 200, "{page}");
        for secret in &secrets {
            assert!(!reply.text.contains(secret), "{page} shows {secret}");
            assert!(!format!("{:?}", reply.headers).contains(secret), "{page} has {secret} in its headers");
        }
    }
}
