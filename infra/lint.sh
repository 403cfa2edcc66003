#!/usr/bin/env bash
# Three readers of the template that do not need an account: make lint-template. Needs Python 3; the tools come from PyPI
# into target/tools.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "== cfn-lint"
"$(infra/tools.sh cfn-lint)/cfn-lint" infra/template.yaml
echo "== sam validate --lint"
# The region decides which resources there are; nothing is asked of AWS.
SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=${AWS_REGION:-eu-west-1} \
  "$(infra/tools.sh sam)/sam" validate --lint --template infra/template.yaml
echo "== checkov; infra/checkov.yaml has the exceptions"
"$(infra/tools.sh checkov)/checkov" --config-file infra/checkov.yaml --file infra/template.yaml
