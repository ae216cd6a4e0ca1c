#!/usr/bin/env bash
# A RabbitMQ node of our own in a directory of our own, on 127.0.0.1 only. It
# has its own name, cookie, epmd and data, so it meets no other node.
#
#   scripts/rabbitmq.sh install          find the programs, or install them
#   scripts/rabbitmq.sh start DIR PORT   start; prints amqp://guest:guest@127.0.0.1:PORT
#   scripts/rabbitmq.sh stop DIR         stop; fine when it does not run
#   scripts/rabbitmq.sh kill DIR         kill -9
#   scripts/rabbitmq.sh freeze DIR       kill -STOP: it takes what is sent and answers nobody; for tests
#   scripts/rabbitmq.sh restart DIR      stop, and start on the same port with the same data
#   scripts/rabbitmq.sh url DIR          the URL of the running node
#   scripts/rabbitmq.sh ctl DIR ARGS...  rabbitmqctl against this node
#
# It takes four ports in a row: AMQP on PORT, the management API (user guest,
# password guest) on PORT+1, epmd on PORT+2, Erlang distribution on PORT+3.
# PORTAL_RABBITMQ_BIN names a directory with rabbitmq-server and rabbitmqctl.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
close_inherited

usage() {
  sed -n 's/^# \{0,1\}//; 2,16p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# Debian's wrappers in /usr/sbin switch the user and drop the environment: not those.
find_bin() {
  local bin
  for bin in ${PORTAL_RABBITMQ_BIN:+"$PORTAL_RABBITMQ_BIN"} /usr/lib/rabbitmq/bin; do
    if [[ -x $bin/rabbitmq-server && -x $bin/rabbitmqctl ]]; then
      printf '%s\n' "$bin"
      return
    fi
  done
  return 1
}

# Sets bin. The package may start a service of its own: it is left alone.
ensure_bin() {
  if bin=$(find_bin); then
    return
  fi
  apt_install RabbitMQ rabbitmq-server
  bin=$(find_bin) || die "rabbitmq-server is not where Debian puts it: set PORTAL_RABBITMQ_BIN"
}

# Everything below is what the node, epmd and rabbitmqctl are told by environment.
environment() {
  dir=$1
  port=$2
  export HOME=$dir/home # holds the cookie
  export RABBITMQ_NODENAME=portal-$port@localhost
  export RABBITMQ_CONF_ENV_FILE=$dir/no-such-file # not /etc/rabbitmq's
  export RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf
  export RABBITMQ_ADVANCED_CONFIG_FILE=$dir/no-such-file
  export RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins
  export RABBITMQ_MNESIA_BASE=$dir/data
  export RABBITMQ_LOG_BASE=$dir/log
  export RABBITMQ_PID_FILE=$dir/rabbitmq.pid
  export RABBITMQ_DIST_PORT=$((port + 3))
  export ERL_EPMD_PORT=$((port + 2))
  export ERL_EPMD_ADDRESS=127.0.0.1
  export ERL_CRASH_DUMP=$dir/log/erl_crash.dump
  export RABBITMQ_CTL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
  # With input "allowed" the server's script becomes the node, so its pid is known
  # at once; the flags then take the input away again.
  export RABBITMQ_ALLOW_INPUT=yes
  export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-noshell -noinput $RABBITMQ_CTL_ERL_ARGS"
  mark=PORTAL_RABBITMQ_DIR=$dir
  export PORTAL_RABBITMQ_DIR=$dir
}

# Pid of our node or epmd, when it runs.
pid_of() {
  local pid=''
  { read -r pid <"$dir/$1.pid"; } 2>/dev/null || true
  if started_with "$pid" "$mark"; then printf '%s' "$pid"; else return 1; fi
}

alive() { pid_of "$1" >/dev/null; }

# Whether the node answers an AMQP client: the port opens a little earlier.
answers() {
  local type=''
  {
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'AMQP\x00\x00\x09\x01' >&3
    # A method frame starts with byte 1.
    IFS= read -r -t 2 -n 1 type <&3 || true
    exec 3>&-
  } 2>/dev/null
  [[ $type == $'\x01' ]]
}

url() { printf 'amqp://guest:guest@127.0.0.1:%s\n' "$port"; }

start_epmd() {
  local epmd
  epmd=$(command -v epmd) || die "epmd (part of Erlang) is missing: install RabbitMQ anew (Debian: sudo apt-get install rabbitmq-server)"
  setsid "$epmd" -port "$ERL_EPMD_PORT" -address 127.0.0.1 >"$dir/log/epmd.log" 2>&1 </dev/null &
  disown
  printf '%s\n' "$!" >"$dir/epmd.pid"
  wait_while 5 port_closed "$ERL_EPMD_PORT" || die "epmd did not start (log: $dir/log/epmd.log)"
}

port_closed() { ! port_open "$1"; }

start() {
  local number
  ensure_bin
  for ((number = port; number < port + 4; number++)); do
    if port_open "$number"; then
      stop KILL 0 # an epmd or a half-started node of ours that was left behind
      # one that was just killed is gone a moment before its sockets are
      wait_while 5 port_open "$number" ||
        die "port $number is in use by another program: stop that, or choose other ports with PORTAL_TEST_AMQP_PORT"
    fi
  done
  mkdir -p "$dir/home" "$dir/log" "$dir/data"
  printf '%s\n' "$port" >"$dir/port"
  [[ -e $HOME/.erlang.cookie ]] || (umask 377 && random_password >"$HOME/.erlang.cookie")
  echo '[rabbitmq_management].' >"$RABBITMQ_ENABLED_PLUGINS_FILE"
  cat >"$RABBITMQ_CONFIG_FILE" <<CONF
# Written at every start by scripts/rabbitmq.sh.
listeners.tcp.1 = 127.0.0.1:$port
management.tcp.ip = 127.0.0.1
management.tcp.port = $((port + 1))
log.file.level = info
disk_free_limit.absolute = 100MB
CONF
  start_epmd
  cd "$dir"
  setsid "$bin/rabbitmq-server" >"$dir/log/server.log" 2>&1 </dev/null &
  disown
  printf '%s\n' "$!" >"$dir/node.pid"
  await "$!"
}

starting() { kill -0 "$1" 2>/dev/null && ! answers; }

await() {
  wait_while 120 starting "$1" || fail_start "did not answer within 120 s"
  alive node || fail_start "ended at its start"
  url
}

fail_start() {
  stop KILL 0
  die "RabbitMQ $1: $(grep -hiE 'error|failed' "$dir"/log/*.log | tail -n 1) (logs: $dir/log)"
}

# Ends the node by signal $1 (KILL after $2 seconds), then its epmd.
stop() {
  local pid
  if pid=$(pid_of node); then
    kill "-$1" "$pid" 2>/dev/null || true
    wait_while "$2" alive node || kill -KILL "$pid" 2>/dev/null || true
    wait_while 5 alive node || die "RabbitMQ (pid $pid) did not end"
  fi
  if pid=$(pid_of epmd); then
    kill "$pid" 2>/dev/null || true
    wait_while 5 alive epmd || kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$dir/node.pid" "$dir/epmd.pid"
}

command=${1:-}
case $command in
  install)
    ensure_bin
    printf '%s\n' "$bin"
    exit
    ;;
  start | stop | kill | freeze | restart | url | ctl) [[ $# -ge 2 ]] || usage ;;
  *) usage ;;
esac
if [[ $command == start ]]; then
  dir=$(directory "$2")
  port=${3:-$(cat "$dir/port" 2>/dev/null || true)}
  check_port "${port:-none}" PORTAL_TEST_AMQP_PORT
elif [[ -f $2/port ]]; then
  dir=$(directory "$2")
  port=$(<"$dir/port")
elif [[ $command == stop || $command == kill ]]; then
  exit 0
else
  die "no RabbitMQ was ever started in $2"
fi
# A node that runs keeps its port, whatever is asked for now.
environment "$dir" "$port"
case $command in
  start)
    if alive node; then
      environment "$dir" "$(<"$dir/port")"
      await "$(pid_of node)"
    else
      start
    fi
    ;;
  stop) stop TERM 15 ;;
  kill) stop KILL 0 ;;
  freeze) kill -STOP "$(pid_of node || die "no RabbitMQ runs in $dir")" ;;
  restart)
    stop TERM 15
    start
    ;;
  url)
    alive node || die "no RabbitMQ runs in $dir"
    url
    ;;
  ctl)
    alive node || die "no RabbitMQ runs in $dir"
    ensure_bin
    shift 2
    exec "$bin/rabbitmqctl" "$@"
    ;;
esac
