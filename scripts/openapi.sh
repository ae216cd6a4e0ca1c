#!/usr/bin/env bash
# `make openapi`: writes swagger/openapi.json from the code, all of it or nothing.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
need_cargo
new=swagger/.openapi.json.new
trap 'rm -f "$new"' EXIT
cargo run -q --locked -p portal -- openapi >"$new"
[[ -s $new ]] || die "portal openapi printed nothing"
mv "$new" swagger/openapi.json
say "wrote swagger/openapi.json"
