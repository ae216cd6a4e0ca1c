#!/usr/bin/env bash
# `make schemathesis`: requests made from swagger/openapi.json against a running server with demo
# data, as each role. No answer may be a 5xx or differ from the description.
#
#   scripts/schemathesis.sh [ROLE...]   all roles, or these: anonymous viewer customer-team staff admin
#
# SEED=7 repeats a run, EXAMPLES=100 makes more requests per operation, SEED=random does what it says.
# What failed, with a curl for each, and a JUnit file per role are kept in target/schemathesis.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

seed=${SEED:-20261}
examples=${EXAMPLES:-10}
port=${PORTAL_SCHEMATHESIS_PORT:-27480} # the API; the next one for PostgreSQL
limit=600                               # seconds a role may take before it is given up
work=$root/target/schemathesis
venv=$root/target/schemathesis-venv
cluster=$work/postgres
log=$work/portal.log
server=''
child='' # the tool under way
failed=()
table=()

finish() {
  local status=$?
  trap '' INT TERM HUP
  set +e
  if [[ -n $child ]]; then
    kill "$child" 2>/dev/null
    wait "$child" 2>/dev/null
  fi
  if [[ -n $server ]]; then
    end_group "$server" INT 8
    wait "$server" 2>/dev/null
  fi
  scripts/postgres.sh remove "$cluster"
  exit "$status"
}

start_server() {
  scripts/postgres.sh start "$cluster" "$((port + 1))" throw-away >/dev/null
  scripts/postgres.sh psql "$cluster" postgres -f deploy/postgres/roles.sql
  scripts/postgres.sh psql "$cluster" postgres <<<'create database portal owner portal_owner'
  local database
  database=$(scripts/postgres.sh url "$cluster" portal)
  # A process group of its own: Ctrl-C reaches this script only, which then ends it.
  set -m
  PORTAL_SCHEMATHESIS=$root DATABASE_URL=$database PORTAL_AMQP__URL='' PORTAL_HTTP__ADDR=127.0.0.1:$port \
    PORTAL_METRICS__API_ADDR='' \
    "${CARGO_TARGET_DIR:-target}/debug/portal" dev >"$log" 2>&1 </dev/null 9>&- &
  server=$!
  set +m
  wait_while 60 not_ready || die "the server did not start within 60 s (its output: $log)"
}

not_ready() {
  kill -0 "$server" 2>/dev/null || die "the server ended at its start (its output: $log)"
  ! grep -q 'portal-admin' "$log" 2>/dev/null
}

# The token that `portal dev` printed for a role.
token() { awk -v role="(portal-$1):" '$0 ~ / \(portal-/ { found = index($0, role) } /^ +ey/ && found { print $1; exit }' "$log"; }

test_role() {
  local role=$1 token='' status=0 begin headers=()
  begin=$(now_ms)
  if [[ $role != anonymous ]]; then
    token=$(token "$role")
    [[ -n $token ]] || die "the server printed no token for the role $role (its output: $log)"
    headers=(-H "Authorization: Bearer $token")
    role=portal-$role
  fi
  printf '\n==> %s\n' "$role"
  PORTAL_ROLE=$role PORTAL_TOKEN=$token timeout --kill-after=10 "$limit" \
    "$venv/bin/schemathesis" --config-file scripts/schemathesis/schemathesis.toml --no-color run swagger/openapi.json \
    --url "http://127.0.0.1:$port" "${headers[@]}" --checks all --max-examples "$examples" --seed "$seed" \
    --report junit,json --report-junit-path "$work/$role.xml" --report-json-path "$work/$role.json" \
    >"$work/$role.txt" 2>&1 </dev/null 9>&- &
  child=$!
  wait "$child" || status=$?
  child=''
  if ((status != 0)); then
    failed+=("$role")
    cat "$work/$role.txt"
  fi
  table+=("$(summary_line "$role" "$status" "$((($(now_ms) - begin) / 1000))")")
}

summary_line() {
  "$venv/bin/python" - "$work/$1.json" "$@" <<'PYTHON'
import json, sys
path, role, status, seconds = sys.argv[1:]
try:
    report = json.load(open(path))
    cases, failures = report["test_cases"]["generated"], report["test_cases"]["unique_failures"]
    tested = report["operations"]["tested"]
except (OSError, KeyError, ValueError):
    cases = failures = tested = "?"
result = {"0": "ok", "124": "TIME UP"}.get(status, "FAILED")
print(f"{role:<22} {tested:>10} {cases:>9} {failures:>9} {seconds:>8}  {result}")
PYTHON
}

[[ $seed != random ]] || seed=$RANDOM
roles=("$@")
((${#roles[@]} > 0)) || roles=(anonymous viewer customer-team staff admin)
check_port "$port" PORTAL_SCHEMATHESIS_PORT
mkdir -p "$work"
exec 9>"$work.lock"
flock -n 9 || die "'make schemathesis' already runs in this checkout"
trap finish EXIT
trap 'exit 130' INT TERM HUP
rm -f "$work"/*.txt "$work"/*.xml "$work"/*.json "$log"
# One that outlived a killed run would still hold the port.
kill_started_with "PORTAL_SCHEMATHESIS=$root"
scripts/postgres.sh remove "$cluster"

need_cargo
scripts/postgres.sh install >/dev/null
python_environment "$venv" scripts/schemathesis/requirements.txt || die "no Python packages"
cargo build --locked -p portal
start_server
for role in "${roles[@]}"; do
  test_role "$role"
done

# A panic is answered like any other 500, and logged. What was made up as a webhook endpoint is given up, and should be.
if grep -E ' ERROR |panicked' "$log" | grep -v ' dead letter queue="deliveries" '; then
  failed+=("the server's log")
fi
printf '\n%-22s %10s %9s %9s %8s  %s\n' role operations requests failures seconds result
printf '%s\n' "${table[@]}"
printf 'seed %s, %s examples per operation, reports in %s\n' "$seed" "$examples" "$work"
if ((${#failed[@]} > 0)); then
  die "failed: ${failed[*]}; again with SEED=$seed EXAMPLES=$examples make schemathesis ROLE=${failed[0]#portal-}"
fi
