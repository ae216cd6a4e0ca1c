#!/usr/bin/env bash
# `make clean-services`: stops the private servers of this checkout and deletes their data.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
for lock in .portal/lock target/test.lock; do
  [[ ! -e $lock ]] || flock -n "$lock" true || die "'make run' or 'make test' runs in this checkout: stop it first"
done
for node in target/test-services/rabbitmq*; do
  scripts/rabbitmq.sh kill "$node"
done
scripts/postgres.sh remove target/test-services/postgres
scripts/rabbitmq.sh kill target/bench-services/rabbitmq
scripts/postgres.sh remove target/bench-services/postgres
scripts/postgres.sh remove target/schemathesis/postgres
scripts/postgres.sh remove .portal/postgres
rm -rf target/test-services target/bench-services target/schemathesis .portal
