#!/usr/bin/env bash
# `make sqlx`: writes .sqlx/, what the query macros know of the database when they
# compile offline. Run it after changing a query or a migration; commit the result.
#
# The schema comes from the migration files by psql, not from `portal migrate`: with a
# new query in it portal does not compile before .sqlx/ knows that query.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

work=$root/target/sqlx-prepare
cluster=$work/postgres
new=$root/.sqlx.new
password=$(random_password)

need_cargo
mkdir -p "$work"
exec 9>"$work/lock"
flock -n 9 || die "'make sqlx' already runs in this checkout: wait for it, or stop it"
finish() {
  trap '' INT TERM HUP
  scripts/postgres.sh remove "$cluster"
  rm -rf "$new" "$work"/rustc-*
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

psql() { scripts/postgres.sh psql "$cluster" "$@"; }

scripts/postgres.sh remove "$cluster"
scripts/postgres.sh start "$cluster" "$((PORTAL_TEST_PG_PORT + 1))" throw-away >/dev/null
psql postgres -f deploy/postgres/roles.sql
psql postgres <<SQL
alter role portal_owner password '$password';
create database portal_sqlx owner portal_owner;
SQL

# The queue's tables are apalis-postgres': its migrations come first, then ours, which
# also grant rights on the migrators' own tables.
metadata=$(cargo metadata --format-version 1 --locked) || die "cargo metadata failed"
apalis=$(grep -oE '"manifest_path":"[^"]*/apalis-postgres-[^"/]*/Cargo.toml"' <<<"$metadata" | cut -d'"' -f4) || true
[[ -n $apalis ]] || die "apalis-postgres is not among the dependencies: where do the queue's tables come from?"
psql portal_sqlx <<'SQL'
set role portal_owner;
create schema apalis;
create table public._sqlx_migrations (
    version bigint primary key, description text not null, installed_on timestamptz not null default now(),
    success boolean not null, checksum bytea not null, execution_time bigint not null);
create table apalis._sqlx_migrations (like public._sqlx_migrations including all);
SQL
for migration in "$(dirname "$apalis")"/migrations/*.sql migrations/*.sql; do
  # As their owner, each in one transaction, like the migrator.
  psql portal_sqlx -c 'set role portal_owner; set client_min_messages = warning' \
    --single-transaction -f "$migration" >/dev/null || die "$migration failed"
done

# Only our own crates may see the database: apalis-postgres would check its queries
# against our schema, and fail. A wrapper around the compiler applies to workspace
# members only, and one with a new name makes cargo compile them again.
wrapper=$(mktemp "$work/rustc-XXXXXX")
url=$(scripts/postgres.sh url "$cluster" portal_sqlx)
url=postgres://portal_owner:$password@${url#*@}
cat >"$wrapper" <<WRAPPER
#!/bin/sh
# DATABASE_URL is for a crate without a sqlx.toml that names another variable.
SQLX_OFFLINE=false SQLX_OFFLINE_DIR='$new' PORTAL_SQLX_URL='$url' DATABASE_URL='$url' exec "\$@"
WRAPPER
chmod +x "$wrapper"
rm -rf "$new"
mkdir "$new"
RUSTC_WORKSPACE_WRAPPER=$wrapper SQLX_OFFLINE=true cargo check --workspace --all-targets --locked 9>&-

[[ -n $(ls -A "$new") ]] || die "no query was found: .sqlx stays as it was"
rm -rf .sqlx.old
[[ ! -d .sqlx ]] || mv .sqlx .sqlx.old
mv "$new" .sqlx
rm -rf .sqlx.old
say "wrote .sqlx: $(find .sqlx -name '*.json' | wc -l) queries"
