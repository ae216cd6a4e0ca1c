#!/usr/bin/env bash
# `make bench`: a PostgreSQL with durable settings and a RabbitMQ of its own, the product and the
# measuring program in release, one table. Stops what it started. Arguments go to the program;
# `make bench ARGS=--help` says which there are.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

services=$root/target/bench-services
postgres=$services/postgres
rabbitmq=$services/rabbitmq

# The data is thrown away, so nothing is gained by a slow, orderly stop.
finish() {
  trap '' INT TERM HUP
  # the product's processes, if the program could not stop them
  kill_started_with "PORTAL_BENCH_RUN=$PORTAL_BENCH_RUN"
  scripts/rabbitmq.sh kill "$rabbitmq"
  scripts/postgres.sh remove "$postgres"
  rm -rf "$services"
}

need_cargo
cargo build --release --locked -p bench -p portal
case " $* " in
  *' --help '* | *' -h '*) exec target/release/bench "$@" ;;
esac

mkdir -p target
exec 9>target/bench.lock
flock -n 9 || die "'make bench' already runs in this checkout: wait for it, or stop it"
scripts/postgres.sh install >/dev/null
scripts/rabbitmq.sh install >/dev/null
PORTAL_BENCH_RUN=$$-$(now_ms)
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
scripts/rabbitmq.sh kill "$rabbitmq"
scripts/postgres.sh remove "$postgres"
rm -rf "$services"
say "starting PostgreSQL and RabbitMQ ..."
scripts/postgres.sh start "$postgres" "${PORTAL_BENCH_PG_PORT:-27440}" >/dev/null
# What an installation would set on a machine of this size; everything else is the default.
scripts/postgres.sh psql "$postgres" postgres \
  -c "alter system set shared_buffers = '1GB'" -c "alter system set max_wal_size = '4GB'" \
  -c "alter system set track_commit_timestamp = on" # B13 asks when orders were confirmed
scripts/postgres.sh stop "$postgres" fast
scripts/postgres.sh start "$postgres" "${PORTAL_BENCH_PG_PORT:-27440}" >/dev/null
scripts/rabbitmq.sh start "$rabbitmq" "${PORTAL_BENCH_AMQP_PORT:-27680}" >/dev/null
version=$(scripts/rabbitmq.sh ctl "$rabbitmq" version)
export PORTAL_BENCH_RUN
target/release/bench --postgres "$(scripts/postgres.sh url "$postgres")" \
  --amqp "$(scripts/rabbitmq.sh url "$rabbitmq")" --rabbitmq-version "$version" "$@"
