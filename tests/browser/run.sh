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
. tests/product.sh
key=$(secret) admin=$(secret)
start_product "$tools/server.log" DEV_CONSOLE_KEY="$key" PLATFORM_ADMIN_KEY="$admin"

CHROMIUM=$chromium TOOLS=$tools URL=$url CONSOLE_KEY=$key ADMIN_KEY=$admin \
  node --test --test-reporter=spec --test-concurrency=1 tests/browser/*.test.mjs
