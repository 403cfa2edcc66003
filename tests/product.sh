# Sourced by tests that talk to the running product from outside.

# start_product <log> NAME=value...: starts it on free ports, its data in memory, with these settings and none of the
# environment. Sets `url`; the product ends with the script. BESPIN_LOCAL names a binary that was built already.
start_product() {
  local log=$1 binary=${BESPIN_LOCAL:-}
  shift
  if [ -z "$binary" ]; then
    # As `make run` builds it.
    ${CARGO:-cargo} build --quiet -p bespin-local --bin bespin-local
    binary=${CARGO_TARGET_DIR:-target}/debug/bespin-local
  fi
  env -i PATH="$PATH" HOME="${HOME:-/}" PORT=0 DYNAMODB_PORT=0 SQS_PORT=0 BESPIN_DATA=:memory: BESPIN_LOG=error "$@" \
    "$binary" >"$log" 2>&1 &
  product=$!
  trap 'kill "$product" 2>/dev/null || true' EXIT
  for _ in $(seq 150); do
    url=$(sed -n 's/^Bespin runs on //p' "$log")
    [ -n "$url" ] && return
    kill -0 "$product" || break
    sleep 0.2
  done
  cat "$log" >&2
  return 1
}

# A secret of one run.
secret() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
