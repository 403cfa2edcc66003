#!/usr/bin/env bash
# Deploys the template with real zips on an emulator of AWS, and drives the product through its HTTP API, queues and
# schedules: make test-deploy. Needs Rust and Python 3; all else comes from PyPI into target/tools. Nothing listens but on
# loopback, and what was started is stopped.
#
#   PACKAGE=no  takes the zips that are there
set -euo pipefail
cd "$(dirname "$0")/.."

case $(uname -m) in
  x86_64) export ARCH=x86_64 ;;
  aarch64 | arm64) export ARCH=arm64 ;;
esac
if [ "${PACKAGE:-yes}" = yes ]; then PROFILE=quick infra/package.sh; fi
tools=$(infra/tools.sh emulator)
mkdir -p target/test-deploy
"$tools/python" infra/test_deploy.py "$tools/ministack" "$ARCH" | tee target/test-deploy/report.txt
