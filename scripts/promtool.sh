#!/usr/bin/env bash
# promtool, which checks what /metrics says: Debian has it in the package of Prometheus.
#
#   scripts/promtool.sh install   find it, or install it; prints its path
#
# PORTAL_PROMTOOL names another one.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

find_promtool() { command -v "${PORTAL_PROMTOOL:-promtool}"; }

case ${1:-} in
  install)
    # The package may start a service of its own: it is left alone.
    find_promtool || { apt_install promtool prometheus && find_promtool; } ||
      die "promtool is not where Debian puts it: set PORTAL_PROMTOOL"
    ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
