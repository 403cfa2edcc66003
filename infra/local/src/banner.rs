//! What a start prints.

use crate::Server;

/// URLs, the demo tenant, and one call that works when pasted.
pub fn banner(server: &Server) -> String {
    let tenant = server.demo_tenant();
    let url = format!("http://localhost:{}", server.product().port());
    let dynamodb = server
        .dynamodb()
        .map_or_else(|| "another store".to_owned(), |address| format!("http://localhost:{}", address.port()));
    let data = server.folder().map_or_else(
        || "in memory, gone when this process ends".to_owned(),
        |folder| folder.display().to_string(),
    );
    let admin = if server.has_operator() {
        format!("{url}/v1/admin       with the key of PLATFORM_ADMIN_KEY")
    } else {
        "off; PLATFORM_ADMIN_KEY=<a secret> make run opens it".to_owned()
    };
    let console = match server.console() {
        Some(path) => format!("{url}{path}"),
        None => "off".to_owned(),
    };
    let playground = if server.has_playground() { format!("{url}/ui") } else { "off".to_owned() };
    format!(
        "
Bespin runs on {url}

  product     {url}            API: {url}/docs
  playground  {playground}
  console     {console}
  admin       {admin}
  DynamoDB    {dynamodb}            table: {table}
  SQS         http://localhost:{sqs}
  data        {data}

Demo tenant
  X-Tenant-ID  {tenant_id}
  X-User-ID    {user_id}
  X-API-Key    {api_key}

Try it: one metered tool call. The same key a second time gives the same answer, free.

curl -s {url}/v1/tools/invoke \\
  -H 'X-Tenant-ID: {tenant_id}' \\
  -H 'X-User-ID: {user_id}' \\
  -H 'X-API-Key: {api_key}' \\
  -H 'Idempotency-Key: my-first-call' \\
  -H 'Content-Type: application/json' \\
  -d '{{\"tool_name\": \"echo\", \"payload\": {{\"text\": \"hi\"}}}}'

Ctrl-C stops it.
",
        table = server.table_name(),
        sqs = server.sqs().port(),
        tenant_id = tenant.tenant_id,
        user_id = tenant.user_id,
        api_key = tenant.api_key,
    )
}
