#!/usr/bin/env bash
# `make fuzz`: every fuzz target, one after another, on its kept corpus and on inputs made from it.
#
#   scripts/fuzz.sh [SECONDS [TARGET]]   so long each (10); only targets whose name begins so
#
# FUZZ_SEED=… tries the inputs of an earlier run again. An input that fails is written into the
# target's corpus, <crate>/fuzz/<target>/, and is tried first from then on.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

duration=${1:-10}
if ! [[ $duration =~ ^[1-9][0-9]{0,5}$ ]]; then
  die "SECONDS is a number from 1 to 999999, not '$duration'"
fi

need_cargo
packages=()
for corpora in */fuzz/; do
  packages+=(-p "${corpora%%/*}")
done

log=$root/target/fuzz.log
# What a target says at its end; the test's name may stand before it.
result='fuzz [a-z_]+: [0-9]+ inputs kept, .*: ok$'
mkdir -p target
status=0
FUZZ_SECONDS=$duration cargo test --locked --no-fail-fast "${packages[@]}" --lib --bins \
  -- "fuzz_${2:-}" --nocapture --test-threads=1 2>&1 | tee "$log" |
  grep --line-buffered -oE "$result|fuzz target .*|^error.*" || status=${PIPESTATUS[0]}
tried=$(grep -cE "$result" "$log" || true)
if ((status != 0)); then
  die "a fuzz target failed, or did not build (all of it: $log)"
fi
((tried > 0)) || die "no fuzz target has a name that begins with '${2:-}'"
say "$tried targets, $duration s each: ok"
