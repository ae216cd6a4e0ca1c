# shellcheck shell=bash
# Sourced by the scripts beside it: default ports, messages, process checks.

# The ports lie below 32768: Linux hands out those above it to outgoing
# connections, so a server that restarts there may find its own port taken.
PORTAL_PG_PORT=${PORTAL_PG_PORT:-27432}               # make run
PORTAL_TEST_PG_PORT=${PORTAL_TEST_PG_PORT:-27433}     # make test; the next one for make sqlx
PORTAL_TEST_AMQP_PORT=${PORTAL_TEST_AMQP_PORT:-27672} # make test; also uses the next three

# shellcheck disable=SC2034  # used by the scripts that source this file
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Absolute path of a directory, made when missing.
directory() {
  mkdir -p "$1" 2>/dev/null || die "cannot make the directory $1 as user $(id -un)"
  (cd "$1" && pwd -P)
}

# A short name that differs between checkouts.
short_hash() { printf '%s' "$1" | sha256sum | cut -c1-12; }

random_password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

check_port() {
  if ! [[ $1 =~ ^[0-9]{1,5}$ ]] || ((10#$1 < 1024 || 10#$1 > 65530)); then
    die "port '$1' is not a number between 1024 and 65530 (variable $2)"
  fi
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

now_ms() { printf '%s' "$((${EPOCHREALTIME//[.,]/} / 1000))"; }

# Waits until the command fails (at most SECONDS); false when it still succeeds.
wait_while() {
  local deadline=$(($(now_ms) + $1 * 1000))
  shift
  while "$@"; do
    (($(now_ms) < deadline)) || return 1
    sleep 0.1
  done
}

# Whether process $1 was started with NAME=VALUE ($2) in its environment. A pid
# alone proves nothing: it may have been reused, and a zombie still answers kill -0.
started_with() { [[ -n $1 ]] && grep -qzxF -- "$2" "/proc/$1/environ" 2>/dev/null; }

# Whether a process group still has a member that is not a zombie.
group_alive() {
  local stat state group
  for stat in /proc/[0-9]*/stat; do
    { read -r stat <"$stat"; } 2>/dev/null || continue
    read -r state _ group _ <<<"${stat##*) }"
    [[ $group == "$1" && $state != Z ]] && return 0
  done
  return 1
}

# Ends a process group: signal $2, and KILL after $3 seconds.
end_group() {
  kill "-$2" -- "-$1" 2>/dev/null || return 0
  wait_while "$3" group_alive "$1" || kill -KILL -- "-$1" 2>/dev/null || true
}

# Runs a command in a process group of its own, whose id is in `child` meanwhile: Ctrl-C reaches the
# script only, which then passes on one signal and waits. Descriptor 9 is the script's lock: no child
# may keep it.
run_child() {
  local status=0
  set -m
  "$@" </dev/null 9>&- &
  child=$!
  set +m
  wait "$child" || status=$?
  child=''
  return "$status"
}

# Kills every process that was started with NAME=VALUE in its environment.
kill_started_with() {
  local process
  for process in /proc/[0-9]*; do
    if started_with "${process##*/}" "$1"; then
      kill -KILL "${process##*/}" 2>/dev/null || true
    fi
  done
}

# Closes what the caller left open beside stdin, stdout and stderr. A server would keep
# it for its whole life: a lock, or a pipe whose reader then waits for ever.
close_inherited() {
  local path fd
  for path in "/proc/$BASHPID/fd"/*; do
    fd=${path##*/}
    # 255 is bash's own, for the script.
    if ((fd > 2 && fd != 255)); then
      exec {fd}>&-
    fi
  done
}

# Installs Debian packages as root; tells anybody else what to install.
apt_install() {
  local what=$1
  shift
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    die "$what is missing: install it (Debian: sudo apt-get install $*) and try again"
  fi
  say "installing $* (apt-get) ..."
  local log
  log=$(mktemp)
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
    --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"; } >"$log" 2>&1 </dev/null; then
    die "apt-get could not install $*: $(grep -E '^(E|W|Err)' "$log" | tail -n 1) (all of it: $log)"
  fi
  rm -f "$log"
}

# Makes directory $1 a Python environment with the packages of the file $2. False, with a message, for
# a user who cannot install what is missing.
python_environment() {
  local venv=$1 requirements=$2
  if [[ -x $venv/bin/python ]] && cmp -s "$requirements" "$venv/requirements.txt"; then
    return
  fi
  rm -rf "$venv"
  if ! command -v python3 >/dev/null || ! python3 -m venv "$venv" >/dev/null 2>&1; then
    rm -rf "$venv"
    if ((EUID != 0)); then
      say "Python with its venv module is missing (Debian: sudo apt-get install python3 python3-venv)"
      return 1
    fi
    apt_install "Python with its venv module" python3 python3-venv
    python3 -m venv "$venv" || return 1
  fi
  if ! "$venv/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements"; then
    rm -rf "$venv"
    say "pip could not install $requirements"
    return 1
  fi
  # Last: it says that the environment is complete.
  cp "$requirements" "$venv/requirements.txt"
}

need_cargo() {
  command -v cargo >/dev/null ||
    die "cargo is missing: install a Rust toolchain with rustup and try again"
  command -v cc >/dev/null || apt_install "a C compiler (cc)" gcc libc6-dev
}
