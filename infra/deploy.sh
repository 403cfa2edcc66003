#!/usr/bin/env bash
# For whoever has an AWS account: make deploy, destroy, logs. Credentials and region are those of the AWS SDKs (AWS_PROFILE,
# AWS_REGION). Needs Python 3; sam comes from PyPI into target/tools.
#
#   deploy.sh deploy   makes or changes the stack bespin-$STAGE from the zips of make package
#   deploy.sh destroy  deletes it; table and pepper stay
#   deploy.sh logs     follows the logs of all functions, or of FUNCTION
#
#   STAGE=<name>       which deployment: lower-case letters and digits
#   ARCH=arm64|x86_64  what the zips were built for
#   PARAMETERS="..."   parameters of the template, such as "DevConsole=on AlarmEmail=me@example.com"; those of the last time
#                      hold until they are given anew
set -euo pipefail
cd "$(dirname "$0")/.."

: "${STAGE:?STAGE=<name>, such as make $1 STAGE=dev}"
export SAM_CLI_TELEMETRY=0
sam=$(infra/tools.sh sam)/sam
stack=bespin-$STAGE

case $1 in
  deploy)
    for function in functions/*; do
      zip=target/lambda/$(basename "$function")/bootstrap.zip
      [ -f "$zip" ] || { echo "$zip is not there: make package" >&2; exit 1; }
    done
    read -ra parameters <<<"${PARAMETERS:-}"
    "$sam" deploy --template-file infra/template.yaml --stack-name "$stack" --resolve-s3 --capabilities CAPABILITY_IAM \
      --no-fail-on-empty-changeset --tags "product=bespin" "stage=$STAGE" --parameter-overrides \
      "Stage=$STAGE" "TableName=${TABLE_NAME:-$stack}" "Architecture=${ARCH:-arm64}" "${parameters[@]}"
    ;;
  destroy)
    "$sam" delete --stack-name "$stack"
    echo "The table and the pepper are still there: infra/README.md tells how to delete them, or to use them again."
    ;;
  logs)
    if [ -n "${FUNCTION:-}" ]; then
      "$sam" logs --cw-log-group "/aws/lambda/$stack-$FUNCTION" --tail
    else
      "$sam" logs --stack-name "$stack" --tail
    fi
    ;;
  *) echo "deploy.sh: deploy, destroy or logs, not $1" >&2; exit 2 ;;
esac
