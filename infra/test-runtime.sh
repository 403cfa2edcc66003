#!/usr/bin/env bash
# Runs each function's zip, as it ships, against a Lambda Runtime API on loopback, with the event of events/ and the
# environment of the template, over the embedded stores: make test-runtime. Prints sizes and start times. Needs Rust and
# Python 3.
#
#   PACKAGE=no  takes the zips that are there
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${PACKAGE:-yes}" = yes ]; then ARCH=native PROFILE=${PROFILE-quick} infra/package.sh; fi
cargo build --quiet --package bespin-local --bin bespin-local
tools=$(infra/tools.sh emulator)
PYTHONDONTWRITEBYTECODE=1 exec "$tools/python" infra/test_runtime.py "${CARGO_TARGET_DIR:-target}/debug/bespin-local"
