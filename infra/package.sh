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

# hello is what make bench measures the others against; no template names it, so it is never deployed.
if [ -n "${FUNCTION:-}" ]; then functions=("$FUNCTION"); else functions=($(ls functions) hello); fi
packages=()
for function in "${functions[@]}"; do
  if [ "$function" = hello ]; then packages+=(--package bespin-hello); else packages+=(--package "bespin-fn-$function"); fi
done

PATH=$(infra/tools.sh package):$PATH
export PATH CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
if command -v rustup >/dev/null; then rustup --quiet target add "$target"; fi
# At a fixed address nothing has to be relocated at a start, which of time zones alone was 0.7 ms of 2.5. Stack, heap and
# libraries still lie where chance puts them.
export RUSTFLAGS="${RUSTFLAGS:-} -C relocation-model=static"
# What cargo-lambda would add by itself is in the profile. Zips are where the template looks for them.
cargo-lambda lambda build --locked --target "$target" --profile "$profile" --disable-optimizations \
  --output-format zip --lambda-dir "$PWD/target/lambda" "${packages[@]}" --bins

# Beside its zip each has the binary of it and what it was built as, for make bench.
printf '\n%-24s %10s %10s  (%s, profile %s)\n' function 'zip, kB' 'binary, kB' "$ARCH" "$profile"
for function in "${functions[@]}"; do
  folder=target/lambda/$function
  python3 -m zipfile -e "$folder/bootstrap.zip" "$folder"
  chmod +x "$folder/bootstrap"
  echo "${target%%-*} $profile" >"$folder/built-as"
  printf '%-24s %10d %10d\n' "$function" $(($(stat -c %s "$folder/bootstrap.zip") / 1000)) $(($(stat -c %s "$folder/bootstrap") / 1000))
done
