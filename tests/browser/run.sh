#!/usr/bin/env bash
# The console and the playground in headless Chromium. Needs npm; Debian's `chromium` is installed where it is absent and
# we may. Where it cannot be had, nothing is tested, and that is said: exit status 77.
# Screenshots of every page are left in target/browser/screenshots.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing() { echo "make test-browser left out: $1" >&2; exit 77; }
command -v npm >/dev/null || missing "there is no npm"
chromium=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$chromium" ]; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || missing "there is no chromium, and it cannot be installed"
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core; } \
    >/dev/null || missing "chromium cannot be installed"
  chromium=$(command -v chromium)
fi
tools=$PWD/target/browser
npm install --silent --no-audit --no-fund --prefix "$tools" playwright-core@1.65.1 axe-core@4.14.1 >/dev/null ||
  missing "npm does not reach its registry"
# As `make run` builds it, unless it was built already.
binary=${BESPIN_LOCAL:-}
if [ -z "$binary" ]; then
  ${CARGO:-cargo} build --quiet -p bespin-local --bin bespin-local
  binary=target/debug/bespin-local
fi

key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
admin=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
env -i PATH="$PATH" HOME="${HOME:-/}" PORT=0 DYNAMODB_PORT=0 SQS_PORT=0 BESPIN_DATA=:memory: BESPIN_LOG=warn \
  DEV_CONSOLE_KEY="$key" PLATFORM_ADMIN_KEY="$admin" "$binary" >"$tools/server.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 150); do
  url=$(sed -n 's/^Bespin runs on //p' "$tools/server.log")
  [ -n "$url" ] && break
  kill -0 "$server" || { cat "$tools/server.log" >&2; exit 1; }
  sleep 0.2
done

CHROMIUM=$chromium TOOLS=$tools URL=$url CONSOLE_KEY=$key ADMIN_KEY=$admin \
  node --test --test-reporter=spec --test-concurrency=1 tests/browser/*.test.mjs
