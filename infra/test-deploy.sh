#!/usr/bin/env bash
# Deploys the template with real zips on an emulator of AWS, and drives the product through its HTTP API, queues and
# schedules: make test-deploy. Needs Rust and Python 3; all else comes from PyPI into target/tools. Nothing listens but on
# loopback, and what was started is stopped.
#
#   PACKAGE=no  takes the zips that are there
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${PACKAGE:-yes}" = yes ]; then ARCH=native PROFILE=quick infra/package.sh; fi
tools=$(infra/tools.sh emulator)
mkdir -p target/test-deploy
"$tools/python" infra/test_deploy.py "$tools/ministack" | tee target/test-deploy/report.txt
