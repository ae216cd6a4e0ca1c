#!/usr/bin/env bash
# A PostgreSQL cluster of our own in a directory of our own, on 127.0.0.1 only.
#
#   scripts/postgres.sh install                       find the binaries, or install them
#   scripts/postgres.sh start DIR PORT [throw-away]   start; prints the superuser's URL
#   scripts/postgres.sh stop DIR [fast|immediate]     stop; fine when it does not run
#   scripts/postgres.sh url DIR [DATABASE]            the superuser's URL of the running cluster
#   scripts/postgres.sh psql DIR DATABASE [ARGS...]   psql as superuser
#   scripts/postgres.sh remove DIR                    stop, and delete its data
#
# "throw-away" trades safety after a crash for speed: for tests only.
# PORTAL_PG_BIN names a directory with the binaries of PostgreSQL 15 or later.
# As root the server runs as user "postgres" (or $PORTAL_PG_USER); where that
# user cannot reach DIR, the data lies in /var/tmp, and DIR/location says where.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
close_inherited
# PGHOST, PGPORT, PGSERVICE ... of the caller would lead to somebody else's server.
[[ -z ${!PG@} ]] || unset "${!PG@}"

oldest=15
data=''

usage() {
  sed -n 's/^# \{0,1\}//; 2,14p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# --- binaries --------------------------------------------------------------

candidates() {
  if [[ -n ${PORTAL_PG_BIN:-} ]]; then
    printf '%s\n' "$PORTAL_PG_BIN"
    return
  fi
  # The version that made the data comes first; a newer one cannot read it.
  [[ -z ${1:-} ]] || printf '%s\n' "/usr/lib/postgresql/$1/bin"
  pg_config --bindir 2>/dev/null || true
  printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV
  ! command -v postgres >/dev/null || dirname "$(command -v postgres)"
}

# Prints the first directory with a usable server: the version $1, or any new enough.
find_bin() {
  local bin major found
  mapfile -t found < <(candidates "${1:-}")
  for bin in "${found[@]}"; do
    [[ -x $bin/postgres && -x $bin/initdb && -x $bin/pg_ctl ]] || continue
    major=$("$bin/postgres" -V | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    [[ -z ${1:-} ]] || [[ $major == "$1" ]] || continue
    ((major >= oldest)) || continue
    printf '%s\n' "$bin"
    return
  done
  return 1
}

find_psql() {
  local psql
  for psql in "$bin/psql" "$(command -v psql)" /usr/lib/postgresql/*/bin/psql; do
    if [[ -x $psql ]]; then
      printf '%s\n' "$psql"
      return
    fi
  done
  return 1
}

# Sets bin.
ensure_bin() {
  local made_by=''
  [[ ! -d $data ]] || made_by=$(<"$data/PG_VERSION")
  if bin=$(find_bin "$made_by"); then
    return
  elif [[ -n ${PORTAL_PG_BIN:-} ]]; then
    die "PORTAL_PG_BIN=$PORTAL_PG_BIN has no PostgreSQL ${made_by:-$oldest or later} (postgres, initdb, pg_ctl)"
  elif [[ -n $made_by ]] && find_bin >/dev/null; then
    die "the data in $data needs PostgreSQL $made_by: install it, or delete the data with 'make clean-services'"
  fi
  apt_install "PostgreSQL $oldest or later" postgresql
  bin=$(find_bin "$made_by") || die "the installed PostgreSQL is older than $oldest: install a newer one and set PORTAL_PG_BIN"
}

# --- places and users ------------------------------------------------------

# PostgreSQL refuses to run as root. /: the current directory may be closed to that user.
as_server() {
  if ((EUID != 0)); then
    "$@"
  elif command -v runuser >/dev/null; then
    (cd / && exec runuser -u "$server_user" -- "$@")
  else
    (cd / && exec setpriv --reuid "$server_user" --regid "$server_user" --init-groups -- "$@")
  fi
}

# A directory that is ours and nobody else's, also where others may write (/tmp).
# OWNER is "me" or "server".
own_directory() {
  local path=$1 mode=$2 owner=$3 user
  user=$(id -un)
  [[ $owner == me ]] || user=$server_user
  if [[ ! -e $path && ! -L $path ]]; then
    mkdir -m "$mode" "$path" || die "cannot make the directory $path as user $(id -un)"
    [[ $user == "$(id -un)" ]] || chown "$user:" "$path"
  fi
  [[ -d $path && ! -L $path && $(stat -c %U "$path") == "$user" ]] ||
    die "$path must be a directory owned by $user: remove it and try again"
}

# Sets server_user: needed before as_server.
choose_user() {
  server_user=$(id -un)
  ((EUID == 0)) || return 0
  server_user=${PORTAL_PG_USER:-postgres}
  id -u "$server_user" >/dev/null 2>&1 ||
    die "PostgreSQL cannot run as root and there is no user '$server_user': set PORTAL_PG_USER to one that exists"
}

# Sets dir, home (where the cluster lies), and the places in it.
locate() {
  dir=$(directory "$1")
  choose_user
  home=$dir
  if ! as_server test -x "$dir"; then
    home=$(cd /var/tmp && pwd -P)/offgrid-portal-$(short_hash "$dir")
    printf '%s\n' "$home" >"$dir/location"
    own_directory "$home" 0755 me
  fi
  data=$home/data
  run=$home/run
  log=$run/postgres.log
  socket=$run
  # A socket's path may have 107 bytes.
  ((${#run} <= 80)) || socket=/tmp/offgrid-portal-$(short_hash "$home")
}

# --- state -----------------------------------------------------------------

# Every process of the cluster works in its data directory.
cluster_processes() {
  local cwd
  for cwd in /proc/[0-9]*/cwd; do
    [[ $(readlink "$cwd" 2>/dev/null) != "$data" ]] || return 0
  done
  return 1
}

pid_file_line() { sed -n "$1{p;q}" "$data/postmaster.pid" 2>/dev/null || true; }

running() {
  local pid
  pid=$(pid_file_line 1)
  [[ -n $pid && $(readlink "/proc/$pid/cwd" 2>/dev/null) == "$data" ]]
}

url() {
  printf 'postgres://postgres:%s@127.0.0.1:%s/%s\n' \
    "$(<"$home/password")" "$(pid_file_line 4)" "${1:-postgres}"
}

# --- commands --------------------------------------------------------------

initialise() {
  local fresh=$home/data.new locale=C
  [[ $'\n'$(locale -a 2>/dev/null) != *$'\n'C.[Uu][Tt][Ff]* ]] || locale=C.UTF-8
  say "creating a PostgreSQL cluster in $home"
  rm -rf "$fresh"
  own_directory "$fresh" 0700 server
  (umask 077 && random_password >"$home/password")
  as_server tee "$run/password" <"$home/password" >/dev/null # the one in home is not for that user
  as_server "$bin/initdb" -D "$fresh" -U postgres -A scram-sha-256 --pwfile="$run/password" \
    -E UTF8 --locale="$locale" --text-search-config=simple ${throw_away:+--no-sync} \
    >"$home/initdb.log" 2>&1 ||
    die "initdb failed: $(tail -n 1 "$home/initdb.log") (all of it: $home/initdb.log)"
  rm -f "$run/password"
  echo "include 'portal.conf'" | as_server tee -a "$fresh/postgresql.conf" >/dev/null
  # Only a complete cluster gets the name that is looked for.
  mv "$fresh" "$data"
}

configure() {
  local port=$1
  {
    echo "# Written at every start by scripts/postgres.sh."
    echo "listen_addresses = '127.0.0.1'"
    echo "port = $port"
    echo "unix_socket_directories = '${socket//\'/\'\'}'"
    echo "unix_socket_permissions = 0700"
    echo "password_encryption = 'scram-sha-256'"
    echo "timezone = 'UTC'"
    echo "log_timezone = 'UTC'"
    echo "log_line_prefix = '%m [%p] %u@%d '"
    echo "shared_buffers = '128MB'"
    # a queue leaves a dead row or two per job: looked for once a minute, they are gigabytes by then
    echo "autovacuum_naptime = '5s'"
    if [[ -n $throw_away ]]; then
      echo "max_connections = 300"
      echo "fsync = off"
      echo "synchronous_commit = off"
      echo "full_page_writes = off"
      echo "max_wal_size = '4GB'"
    else
      # connections that fell silent stay for some seconds beside those that take their place
      echo "max_connections = 200"
    fi
  } | as_server tee "$data/portal.conf" >/dev/null
}

start() {
  local port=${1:?} variable=PORTAL_PG_PORT
  throw_away=''
  if [[ ${2:-} == throw-away ]]; then
    throw_away=yes variable=PORTAL_TEST_PG_PORT
  fi
  check_port "$port" "$variable"
  ensure_bin
  as_server test -x "$bin/postgres" || die "user $server_user may not run $bin/postgres: choose other binaries with PORTAL_PG_BIN"
  own_directory "$run" 0700 server
  own_directory "$socket" 0700 server
  if running; then
    url
    return
  fi
  if port_open "$port"; then
    die "port $port is in use by another program: stop that, or choose another port with $variable"
  fi
  [[ -d $data ]] || initialise
  # After a kill -9 lock files are stale, and a backend may still be about to
  # notice; PostgreSQL's own check is fooled by a zombie or a reused pid.
  wait_while 10 cluster_processes ||
    die "processes of a crashed server still work in $data: end them and try again"
  rm -f "$data/postmaster.pid" "$socket"/.s.PGSQL.*
  configure "$port"
  [[ ! -e $log ]] || mv -f "$log" "$log.1"
  as_server "$bin/pg_ctl" -D "$data" -l "$log" -w -t 60 -s start </dev/null >/dev/null 2>&1 ||
    die "PostgreSQL did not start: $(grep -hE 'FATAL|PANIC|could not' "$log" | head -n 1) (log: $log)"
  url
}

stop() {
  local mode=${1:-fast}
  running || return 0
  ensure_bin
  as_server "$bin/pg_ctl" -D "$data" -m "$mode" -w -t 3 -s stop >/dev/null 2>&1 ||
    as_server "$bin/pg_ctl" -D "$data" -m immediate -w -t 5 -s stop ||
    die "PostgreSQL in $data did not stop (log: $log)"
}

run_psql() {
  local database=$1 psql
  shift
  running || die "no PostgreSQL runs in $dir"
  ensure_bin
  psql=$(find_psql) || die "psql is missing: install it (Debian: sudo apt-get install postgresql-client) and try again"
  PGPASSWORD=$(<"$home/password") exec "$psql" -X -q -v ON_ERROR_STOP=1 \
    -h 127.0.0.1 -p "$(pid_file_line 4)" -U postgres -d "$database" "$@"
}

remove() {
  stop immediate
  # Only what start made.
  rm -rf "$data" "$home/data.new" "$run" "$socket" "$home/password" "$home/initdb.log" "$dir/location"
  [[ $home == "$dir" ]] || rmdir "$home" 2>/dev/null || true
  rmdir "$dir" 2>/dev/null || true
}

command=${1:-}
case $command in
  install)
    ensure_bin
    printf '%s\n' "$bin"
    exit
    ;;
  start | stop | url | psql | remove) [[ $# -ge 2 ]] || usage ;;
  *) usage ;;
esac
shift
if [[ $command == stop && ! -d $1 ]]; then
  exit 0
fi
# The user that the server runs as may come with the package.
if [[ $command == start ]]; then
  ensure_bin
fi
locate "$1"
shift
case $command in
  start) start "$@" ;;
  stop) stop "$@" ;;
  url)
    running || die "no PostgreSQL runs in $dir"
    url "$@"
    ;;
  psql) run_psql "$@" ;;
  remove) remove ;;
esac
