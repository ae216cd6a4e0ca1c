#!/usr/bin/env bash
# `make run`: a private PostgreSQL in .portal/ (unless DATABASE_URL names another
# server), then API, workers and embedded bus in one process. Ctrl-C stops all of it.
# Arguments are passed on to `portal dev`.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

cluster=.portal/postgres
started=''     # whether the cluster is ours to stop
child=''       # process group of the command under way
interrupted='' # whether the end was asked for

# Everything together stays below 10 s: 6 for portal, at most 3 for the cluster.
finish() {
  local status=$?
  trap '' INT TERM HUP
  set +e
  if [[ -n $child ]]; then
    kill -INT -- "-$child" 2>/dev/null
    wait_while 5 group_alive "$child" || end_group "$child" TERM 1
    wait "$child" 2>/dev/null
    status=$?
    ((status != 137)) || say "portal did not stop within 6 s and was killed"
    # What asked for the end also explains this status.
    ((status != 130)) || status=0
  fi
  if [[ -n $started ]]; then
    scripts/postgres.sh stop "$cluster" fast
  fi
  [[ -z $interrupted ]] || say "stopped"
  exit "$status"
}

trap finish EXIT
trap 'interrupted=yes; exit 130' INT TERM HUP

mkdir -p .portal
exec 9>.portal/lock
flock -n 9 || die "'make run' already runs in this checkout: stop that one first (Ctrl-C)"
# One that outlived a killed 'make run' would still hold the API's port.
kill_started_with "PORTAL_RUN=$root"

need_cargo
if [[ -z ${DATABASE_URL:-} ]]; then
  scripts/postgres.sh install >/dev/null
fi
run_child cargo build --locked -p portal

if [[ -z ${DATABASE_URL:-} ]]; then
  started=yes
  scripts/postgres.sh start "$cluster" "$PORTAL_PG_PORT" >/dev/null
  scripts/postgres.sh psql "$cluster" postgres -f deploy/postgres/roles.sql
  scripts/postgres.sh psql "$cluster" postgres <<'SQL'
select 'create database portal owner portal_owner'
where not exists (select from pg_database where datname = 'portal') \gexec
SQL
  DATABASE_URL=$(scripts/postgres.sh url "$cluster" portal)
  export DATABASE_URL
fi
export PORTAL_RUN=$root
run_child "${CARGO_TARGET_DIR:-target}/debug/portal" dev "$@"
