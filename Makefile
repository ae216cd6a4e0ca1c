# Every target is a command that a person could type as well.
.DEFAULT_GOAL := help
.PHONY: help run test coverage deny schemathesis bench chaos fuzz test-services test-services-stop lint fmt openapi sqlx clean-services

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' Makefile

run: ## build and run everything: PostgreSQL in .portal/, API, workers (DATABASE_URL, AMQP_URL: use that server)
	@scripts/run.sh

test: ## every check and test, on real PostgreSQL and RabbitMQ (ARGS="-p domain some_test": only those tests)
	@scripts/test.sh $(if $(ARGS),cargo $(ARGS))

coverage: ## the tests once more, counting which lines run: a figure per crate, the report in target/coverage
	@scripts/test.sh coverage

deny: ## check licences, sources, bans and duplicate versions of the dependencies
	@scripts/test.sh deny

schemathesis: ## requests made from the API's description, as each role (ROLE=admin, SEED=7, EXAMPLES=100)
	@SEED=$(SEED) EXAMPLES=$(EXAMPLES) scripts/schemathesis.sh $(ROLE)

test-services: ## start the servers that tests need, keep them, print the environment: eval "$(make -s test-services)"
	@scripts/test.sh services

test-services-stop: ## stop them
	@scripts/test.sh services-stop

bench: ## measure the product in release, on servers of its own (ONLY=B1,B4: only these; ARGS=--check, ARGS=--help)
	@scripts/bench.sh $(if $(ONLY),--only $(ONLY)) $(ARGS)

chaos: ## break everything under load, and check that nothing is lost (SCENARIO=orders, LONG=1, ARGS="--seed 7")
	@scripts/chaos.sh $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(LONG),--long) $(ARGS)

fuzz: ## every fuzz target on its kept corpus and on inputs made from it (SECONDS=10 each, TARGET=cursors: only it)
	@scripts/fuzz.sh $(or $(SECONDS),10) $(TARGET)

lint: ## format check, and clippy with warnings as errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

fmt: ## format the code
	cargo fmt --all

openapi: ## write swagger/openapi.json anew
	@scripts/openapi.sh

sqlx: ## write .sqlx/ anew, after changing a query or a migration
	@scripts/sqlx-prepare.sh

clean-services: ## stop the private servers of this checkout and delete their data
	@scripts/clean-services.sh
