#!/usr/bin/env bash
# Builds every function as it runs on Lambda (provided.al2023) and packs each into a zip: make package.
#
#   ARCH=arm64|x86_64  what it runs on; arm64 unless told; native is what this machine is
#   PROFILE=quick      builds in a fraction of the time, for trying the deployment; never for one
#   FUNCTION=<name>    only this one
#
# Needs Rust and Python 3; cargo-lambda and zig come from PyPI into target/tools.
set -euo pipefail
cd "$(dirname "$0")/.."

ARCH=${ARCH:-arm64}
[ "$ARCH" != native ] || ARCH=$(uname -m)
case $ARCH in
  arm64 | aarch64) target=aarch64-unknown-linux-gnu ;;
  x86_64) target=x86_64-unknown-linux-gnu ;;
  *) echo "ARCH is arm64, x86_64 or native, not $ARCH" >&2; exit 2 ;;
esac
case ${PROFILE:-} in
  '') profile=lambda ;;
  quick) profile=lambda-quick ;;
  *) echo "PROFILE is quick or nothing, not $PROFILE" >&2; exit 2 ;;
esac

if [ -n "${FUNCTION:-}" ]; then functions=("$FUNCTION"); else functions=($(ls functions)); fi
packages=()
for function in "${functions[@]}"; do packages+=(--package "bespin-fn-$function"); done

PATH=$(infra/tools.sh package):$PATH
export PATH CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
if command -v rustup >/dev/null; then rustup --quiet target add "$target"; fi
# What cargo-lambda would add by itself is in the profile. Zips are where the template looks for them.
cargo-lambda lambda build --locked --target "$target" --profile "$profile" --disable-optimizations \
  --output-format zip --lambda-dir "$PWD/target/lambda" "${packages[@]}" --bins

printf '\n%-24s %10s %10s  (%s, profile %s)\n' function 'zip, kB' 'binary, kB' "$ARCH" "$profile"
for function in "${functions[@]}"; do
  zip=target/lambda/$function/bootstrap.zip
  binary=$(python3 -c 'import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).getinfo("bootstrap").file_size)' "$zip")
  printf '%-24s %10d %10d\n' "$function" $(($(stat -c %s "$zip") / 1000)) $((binary / 1000))
done
