#!/usr/bin/env bash
# `make chaos`: builds the programs with fail points, and runs the fault suite on servers of its own.
#
#   scripts/chaos.sh [--scenario faults|orders] [--long] [--seed N] [--commands N] [--only PART]
#
# As root PostgreSQL's data lies on a small file system in memory, which can be made full. What a
# failed run leaves for inspection is in target/chaos; the next run deletes it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

work=$root/target/chaos
postgres=$work/postgres
disk=/var/tmp/offgrid-portal-chaos-$(short_hash "$root") # reachable for the user that PostgreSQL runs as
mark=PORTAL_CHAOS=$root                                   # every process of a run has it in its environment
child=''

# Ends everything that was started, whatever state it is in. Its data is as after a kill -9.
end_all() {
  kill_started_with "$mark"
  scripts/rabbitmq.sh kill "$work/rabbitmq"
  scripts/postgres.sh stop "$postgres" immediate
}

unmount() {
  ! mountpoint -q "$disk" || umount "$disk" || umount --lazy "$disk"
  [[ ! -d $disk ]] || rmdir "$disk"
}

# The disk in memory does not outlive this script: what is to be inspected is copied.
keep() {
  if [[ $postgres == "$disk" && -d $disk/data ]]; then
    cp -a "$disk" "$work/postgres"
  fi
  [[ ! -d $work ]] || say "kept for inspection: $work"
}

finish() {
  local status=$?
  trap '' INT TERM HUP
  set +e
  if [[ -n $child ]]; then
    end_group "$child" TERM 10
    wait "$child" 2>/dev/null
  fi
  end_all
  if ((status != 0 && status != 130)); then
    keep
  else
    rm -rf "$work"
  fi
  unmount
  exit "$status"
}

mkdir -p target
exec 9>target/chaos.lock
flock -n 9 || die "'make chaos' already runs in this checkout"
trap finish EXIT
trap 'exit 130' INT TERM HUP

need_cargo
scripts/postgres.sh install >/dev/null
scripts/rabbitmq.sh install >/dev/null
built=${CARGO_TARGET_DIR:-target}/debug
release=()
if [[ " $* " == *' --long '* ]]; then
  # so many commands and orders are what the product is for, not a build for debugging
  built=${CARGO_TARGET_DIR:-target}/release
  release=(--release)
fi
run_child cargo build --locked "${release[@]}" -p portal -p chaos --features portal/fail-points
# left by a run that was killed itself
if ((EUID == 0)); then
  postgres=$disk
fi
end_all
unmount
rm -rf "$work"

mkdir -p "$work"
cp "$built/portal" "$work/portal" # another build must not replace it meanwhile
arguments=(--portal "$work/portal" --work "$work" --postgres "$postgres")
if ((EUID == 0)); then
  mkdir -m 0755 "$disk"
  mount -t tmpfs -o size=4g,mode=0755 offgrid-portal-chaos "$disk" || die "cannot mount a file system in memory on $disk"
  arguments+=(--small-disk "$disk")
fi
faketime=$(find /usr/lib /usr/local/lib -name libfaketime.so.1 -print -quit 2>/dev/null)
if [[ -z $faketime ]] && ((EUID == 0)) && command -v apt-get >/dev/null; then
  apt_install libfaketime libfaketime
  faketime=$(find /usr/lib /usr/local/lib -name libfaketime.so.1 -print -quit)
fi
[[ -z $faketime ]] || arguments+=(--faketime "$faketime")

run_child env "$mark" "$built/chaos" "${arguments[@]}" "$@"
