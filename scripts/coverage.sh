#!/usr/bin/env bash
# `make coverage`: the tests of `make test` once more, built so that they count which lines run.
# Prints a figure per crate and one for the product; the report of every line is in target/coverage.
#
#   scripts/coverage.sh        started by `scripts/test.sh coverage`, with the servers tests need
#   scripts/coverage.sh tools  finds or installs what it needs beside the Python packages
#
# What runs in a process that a test kills is not counted: it has no time to write its counts.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

venv=$root/target/test-venv
report=$root/target/coverage

# The directory with llvm-cov and llvm-profdata, of the version that rustc writes its counts for:
# the toolchain's own, or Debian's of the same major version.
llvm_directory() {
  local own major
  own=$(rustc --print target-libdir)/../bin
  major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
  local directory
  for directory in "$own" "/usr/lib/llvm-$major/bin"; do
    if [[ -x $directory/llvm-cov && -x $directory/llvm-profdata ]]; then
      printf '%s\n' "$directory"
      return
    fi
  done
  return 1
}

tools() {
  if ! llvm_directory; then
    rustup component add llvm-tools ||
      die "the LLVM tools of $(rustc -vV | grep LLVM) are missing: rustup component add llvm-tools, or Debian's llvm"
    llvm_directory
  fi
  [[ -x $venv/bin/cargo-llvm-cov ]] || die "cargo-llvm-cov is missing: see the step 'python'"
}

llvm_cov() { "$venv/bin/cargo-llvm-cov" llvm-cov "$@"; }

[[ ${1:-} != tools ]] || {
  tools
  exit
}

llvm=$(llvm_directory) || die "no LLVM tools: scripts/coverage.sh tools"
export LLVM_COV=$llvm/llvm-cov LLVM_PROFDATA=$llvm/llvm-profdata
rm -rf "$report"
mkdir -p "$report"
# Counts of an earlier run would be added to those of this one.
llvm_cov clean --profraw-only
# A test that fails does not keep the others from being counted.
status=0
llvm_cov --no-report --no-fail-fast --workspace --locked || status=$?
llvm_cov report --html --output-dir "$report"
llvm_cov report --json --summary-only --output-path "$report/summary.json"
"$venv/bin/python" - "$report/summary.json" <<'PYTHON'
import collections, json, os, sys
lines = collections.defaultdict(lambda: [0, 0])
for file in json.load(open(sys.argv[1]))["data"][0]["files"]:
    crate = os.path.relpath(file["filename"]).split("/")[0]
    figures = file["summary"]["lines"]
    # These test the product; they are none of it.
    names = [crate] if crate in ("bench", "chaos", "fuzz") else [crate, "product"]
    for name in names:
        lines[name][0] += figures["covered"]
        lines[name][1] += figures["count"]
print(f"\n{'crate':<10} {'lines':>7} {'covered':>8}")
for name, (covered, count) in sorted(lines.items(), key=lambda item: (item[0] == "product", item[0])):
    print(f"{name:<10} {count:>7} {100 * covered / max(count, 1):>7.1f}%")
PYTHON
say "report: $report/html/index.html"
exit "$status"
