# A line each. Only Rust is needed; a target that needs more says so.
.PHONY: run demo openapi routes prove dead-letters redrive simulate test cost test-dynamodb-local test-api test-browser lint lint-template deny advisories fmt bench growth instructions package test-deploy test-runtime test-template template-routes invoke deploy destroy logs

CARGO ?= cargo
# What is given on the command line of make reaches the programs, too.
export ROWS KEEP TENANT STORE QUEUE_PREFIX SEED HISTORIES SABOTAGE ARCH PROFILE FUNCTION EVENT PACKAGE STAGE PARAMETERS OBSERVED

run: ## the whole product on this machine, http://localhost:8000
	@$(CARGO) run -p bespin-local --bin bespin-local

demo: ## two public series through the API, and their daily brief
	@$(CARGO) run -p bespin-local --bin bespin-demo

prove: ## every counter computed anew from the ledgers; TENANT=<id>, STORE=aws
	@$(CARGO) run --quiet -p bespin-local --bin bespin-prove

dead-letters: ## the messages that nothing could be done with, and why; of make run, or STORE=aws
	@$(CARGO) run --quiet -p bespin-local --bin bespin-redrive -- show

redrive: ## puts dead letters back to be tried again; of make run, or STORE=aws
	@$(CARGO) run --quiet -p bespin-local --bin bespin-redrive

simulate: ## random histories with faults: SEED=0 HISTORIES=1000; SABOTAGE=all shows that bugs are found
	@$(CARGO) run --quiet --release -p bespin-simulator --bin bespin-simulate

test: ## every test; by cargo-nextest where it is installed, else by cargo
	@if $(CARGO) nextest --version >/dev/null 2>&1; then $(CARGO) test --workspace --doc --quiet && $(CARGO) nextest run --workspace $(NEXTEST); \
	else $(CARGO) test --workspace; fi

cost: ## what every call and every job costs, counted, in dollars; writes the table of README.md
	@BESPIN_COST=write $(CARGO) test --quiet -p bespin-tests --test cost readme -- --nocapture

test-dynamodb-local: ## the specifications on the official DynamoDB Local; needs Java and npm
	@tests/dynamodb-local.sh

openapi: ## functions/docs/openapi.json anew, from what the functions promise
	@$(CARGO) run --quiet -p bespin-local --bin bespin-openapi > target/openapi.json && mv target/openapi.json functions/docs/openapi.json

routes: ## every route, with its function, from the routers themselves
	@$(CARGO) run --quiet -p bespin-local --bin bespin-openapi -- routes

test-template: ## infra/template.yaml against the code: routes, environment, permissions, queues; needs Python
	@infra/test-template.sh

template-routes: ## writes the routes of the template; needs Python
	@$(MAKE) --silent routes | infra/routes.py

test-deploy: ## the template with real zips on an emulator of AWS, driven end to end; needs Python
	@infra/test-deploy.sh

test-runtime: ## each function's zip against a Lambda Runtime API, with sizes and start times; needs Python
	@infra/test-runtime.sh

invoke: ## FUNCTION=<name>: its event of events/ through cargo-lambda, beside make run; needs Python
	@infra/invoke.sh

test-api: ## requests made from the OpenAPI document against the running product; needs Python
	@tests/api/run.sh

test-browser: ## the console and the playground in headless Chromium; needs npm
	@tests/browser/run.sh

lint: ## format and lints, warnings denied
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets -- -D warnings

lint-template: ## infra/template.yaml, by cfn-lint, sam and checkov; needs Python
	@infra/lint.sh

deny: ## licences, sources and banned crates of all dependencies
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --log-level error check licenses bans sources; \
	else echo "make deny needs cargo-deny: cargo install cargo-deny --locked" >&2; exit 1; fi

advisories: ## known vulnerabilities; fetches the RustSec database
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check advisories; \
	else echo "make advisories needs cargo-deny: cargo install cargo-deny --locked" >&2; exit 1; fi

fmt: ## formats everything
	@$(CARGO) fmt --all

bench: ## how fast each way through the product is beside the bare calls of its store; ROWS=<some>
	@$(CARGO) bench --quiet -p bespin-tests --bench bench

growth: ## what a request costs as tenants, ledgers, users and callers grow
	@$(CARGO) bench --quiet -p bespin-tests --bench bench -- growth

instructions: ## how many instructions the pure parts of hot paths take, beside those kept; KEEP=1, ROWS=<some>; needs valgrind
	@$(CARGO) bench --quiet -p bespin-tests --bench instructions

package: ## every function as a zip for Lambda, with its size; ARCH=x86_64, PROFILE=quick, FUNCTION=<one>; needs Python
	@infra/package.sh

deploy: ## the zips of make package to AWS: STAGE=dev, PARAMETERS="DevConsole=on"; infra/README.md; needs Python
	@infra/deploy.sh deploy

destroy: ## deletes a deployment but its table and pepper: STAGE=dev; needs Python
	@infra/deploy.sh destroy

logs: ## follows the logs of a deployment: STAGE=dev, FUNCTION=<one>; needs Python
	@infra/deploy.sh logs
