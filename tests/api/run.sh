#!/usr/bin/env bash
# What the OpenAPI document promises, tried from outside by schemathesis: requests made from its schemas, good ones and bad
# ones, against the running product. No 5xx; every answer has a declared status, body and headers. Needs Python 3.
#
#   EXAMPLES=25  most requests for each operation and phase      SEED=0  which ones
set -euo pipefail
cd "$(dirname "$0")/../.."

tools=$(infra/tools.sh api)
"$tools/openapi-spec-validator" functions/docs/openapi.json
work=$PWD/target/api
mkdir -p "$work"
. tests/product.sh
operator=$(secret)
# Without a secret of the payment provider its events would be 503, which is a server error.
start_product "$work/server.log" PLATFORM_ADMIN_KEY="$operator" STRIPE_WEBHOOK_SECRET=whsec_of_nobody_at_all

tenant=$(curl -sf "$url/v1/tenants" -H 'Content-Type: application/json' \
  -d '{"name": "Acme", "region": "eu-west-1", "admin_email": "owner@example.com"}')
member() { python3 -c 'import json, sys; print(eval("json.load(sys.stdin)" + sys.argv[1]))' "$1" <<<"$tenant"; }

# What clients send is read laxly (gateway.md 1.2), and what text may say beyond its length no schema tells: so neither is it
# a fault that a wrong type is taken, nor that a right one is refused.
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks+=,response_schema_conformance,missing_required_header,unsupported_method,allow_header_conformance
try() {
  # It would write its notes into the folder that it runs in. One worker: hypothesis parses source while it runs, and in
  # CPython 3.11 the parser's recursion depth is shared by threads (gh-106905), so that two of them fail now and then.
  (cd "$work" && "$tools/schemathesis" run "$url/openapi.json" --checks "$checks" --phases examples,coverage,fuzzing \
    --max-examples "${EXAMPLES:-25}" --seed "${SEED:-0}" --workers 1 --continue-on-failure --warnings off \
    --suppress-health-check all --no-color "$@")
}
echo "== a user of a tenant"
try --exclude-tag admin --exclude-tag console --exclude-path-regex '^/api/admin/' \
  -H "X-Tenant-ID: $(member '["tenant_id"]')" -H "X-User-ID: $(member '["admin"]["user_id"]')" \
  -H "X-API-Key: $(member '["api_key"]')"
echo "== the operator"
# Without the key there is no such route, and its header cannot be left out of what is sent.
try --include-tag admin --exclude-checks missing_required_header -H "X-Platform-Admin-Key: $operator"
