#!/usr/bin/env bash
# Holds infra/template.yaml against the code: make test-template. The specifications run once with every call to the stores
# written down (infra/embedded/src/observed.rs), then infra/test_template.py compares. Needs Rust with cargo-nextest, and
# Python 3.
#
#   OBSERVED=<folder>  takes what was written down before; OBSERVED=none does not compare permissions
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${OBSERVED:-}" = none ]; then
  OBSERVED=
elif [ -z "${OBSERVED:-}" ]; then
  export OBSERVED=$PWD/target/observed
  rm -rf "$OBSERVED"
  BESPIN_OBSERVED=$OBSERVED cargo nextest run --profile observed -p bespin-tests
fi
export OBSERVED
PYTHONDONTWRITEBYTECODE=1 exec "$(infra/tools.sh template)/python" infra/test_template.py
