#!/usr/bin/env bash
# Sends a function an event of events/ through cargo-lambda, over the stores of a running `make run`: make invoke
# FUNCTION=tenants. Needs Rust and Python 3; cargo-lambda comes from PyPI into target/tools.
#
#   EVENT=<file>  another event; those of events/ have placeholders where a caller is asked for
set -euo pipefail
cd "$(dirname "$0")/.."

: "${FUNCTION:?make invoke FUNCTION=<one of functions/>}"
event=${EVENT:-events/$FUNCTION.json}
port=${PORT:-8000}
data=${BESPIN_DATA:-.bespin}
[ -f "$data/pepper" ] || { echo "make invoke needs a running make run" >&2; exit 1; }
tools=$(infra/tools.sh package)

export PATH=$tools:$PATH TABLE_NAME=${TABLE_NAME:-bespin} KEY_ENVIRONMENT=local
API_KEY_PEPPER=$(cat "$data/pepper")
export API_KEY_PEPPER
export AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:${DYNAMODB_PORT:-$((port + 1))}
sqs=http://127.0.0.1:${SQS_PORT:-$((port + 2))}
export AWS_ENDPOINT_URL_SQS=$sqs
export BRIEF_RUNS_QUEUE_URL=$sqs/000000000000/bespin-brief-runs OUTBOX_QUEUE_URL=$sqs/000000000000/bespin-outbox

# The first event would wait for the whole build.
# In the whole workspace, as cargo-lambda builds it: for one package alone other features are chosen, and all is built anew.
cargo build --quiet --bin "$FUNCTION"
free=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cargo-lambda lambda watch --invoke-address 127.0.0.1 --invoke-port "$free" --ignore-changes \
  >target/invoke.log 2>&1 &
watch=$!
trap 'kill "$watch"; wait "$watch" 2>/dev/null || true' EXIT
for _ in $(seq 100); do (: <"/dev/tcp/127.0.0.1/$free") 2>/dev/null && break; sleep 0.2; done
cargo-lambda lambda invoke "$FUNCTION" --invoke-address 127.0.0.1 --invoke-port "$free" --data-file "$event"
