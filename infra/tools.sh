#!/usr/bin/env bash
# Makes a Python environment of its own under target/ for a set of pinned tools, and prints where it is: nothing is
# installed on the machine. Needs Python 3.10 or newer, with venv.
#
#   tools.sh package|template|emulator|cfn-lint|sam|checkov|api
set -euo pipefail
cd "$(dirname "$0")/.."

case $1 in
  # zig links against an old glibc, and for arm64 without any cross compiler.
  package) pins=(cargo-lambda==1.9.2 ziglang==0.17.1) ;;
  template) pins=(PyYAML==6.0.3) ;;
  emulator) pins=(ministack==1.5.33 aws-sam-translator==1.115.0 boto3==1.43.106) ;;
  # Each has an environment of its own, because each pins the libraries of the others.
  cfn-lint) pins=(cfn-lint==1.53.3) ;;
  sam) pins=(aws-sam-cli==1.167.0) ;;
  api) pins=(schemathesis==4.32.5 openapi-spec-validator==0.9.0) ;;
  checkov) pins=(checkov==3.3.30) ;;
  *) echo "tools.sh: there is no set of tools called $1" >&2; exit 2 ;;
esac

folder=$PWD/target/tools/$1
if [ "$(cat "$folder/pins" 2>/dev/null)" != "${pins[*]}" ]; then
  python3 -m venv --clear "$folder" >&2
  "$folder/bin/pip" install --quiet --disable-pip-version-check "${pins[@]}" >&2
  echo "${pins[*]}" >"$folder/pins"
fi
echo "$folder/bin"
