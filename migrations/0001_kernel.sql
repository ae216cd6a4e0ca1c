-- The event log, idempotency keys, and the database roles' rights on them.
--
-- Roles (made by deploy/postgres/roles.sql before the first migration):
--   portal_owner   runs migrations and owns everything
--   portal_api     the REST API: sees the rows of one tenant, may insert jobs
--   portal_admin   taken by the API with `set local role` on admin routes only
--   portal_worker  the workers: all jobs, one tenant at a time for business data
--
-- The tenant of a transaction is the setting `portal.tenant`, set with `set local` when it begins.
-- Row-level security compares it with each row; a transaction without one sees nothing.

create schema kernel;
grant usage on schema kernel to portal_api, portal_admin, portal_worker;
-- who may ask whether the schema is current
grant select on public._sqlx_migrations to portal_api, portal_admin, portal_worker;
grant usage on schema apalis to portal_api, portal_admin, portal_worker;
grant select on apalis._sqlx_migrations to portal_api, portal_admin, portal_worker;

-- null when no tenant is set: a comparison with it is never true.
create function kernel.current_tenant() returns text
    language sql stable parallel safe
    return nullif(current_setting('portal.tenant', true), '');

-- Facts, never changed: no role but the owner may update or delete.
create table kernel.events (
    position       bigint generated always as identity primary key,
    id             uuid not null constraint events_id_key unique,
    -- CloudEvents attributes
    type           text not null,
    source         text not null,
    subject        text not null,
    occurred_at    timestamptz not null,
    -- the aggregate's own numbering, 1, 2, 3 …; also its version after this event
    module         text not null,
    aggregate_id   uuid not null,
    sequence       bigint not null constraint events_sequence_positive check (sequence > 0),
    tenant_id      text not null,
    actor          text not null,
    correlation_id text not null,
    causation_id   text not null,
    traceparent    text,
    data           jsonb not null,
    -- the job that publishes it
    job_id         text collate "C" not null,
    recorded_at    timestamptz not null default now(),
    constraint events_aggregate_sequence_key unique (module, aggregate_id, sequence)
);
create index events_correlation_id_idx on kernel.events (correlation_id);
create index events_job_id_idx on kernel.events (job_id);

alter table kernel.events enable row level security;
create policy tenant on kernel.events to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant())
    with check (tenant_id = kernel.current_tenant());
create policy everything on kernel.events for select to portal_admin using (true);
grant select, insert on kernel.events to portal_api, portal_worker;
grant select on kernel.events to portal_admin;

-- One row per (tenant, actor, route, key): written in the transaction of the command it belongs
-- to, so that the row exists if and only if the effect does.
create table kernel.idempotency_keys (
    tenant_id   text not null,
    actor       text not null,
    route       text not null,
    key         text not null,
    -- SHA-256 of what was asked: the same key with another request is refused
    fingerprint bytea not null,
    -- null until the command has run, which nobody else sees: it commits with the answer
    status      smallint,
    headers     jsonb,
    body        bytea,
    created_at  timestamptz not null default now(),
    constraint idempotency_keys_pkey primary key (tenant_id, actor, route, key),
    constraint idempotency_keys_answered check ((status is null) = (headers is null) and (status is null) = (body is null))
);
create index idempotency_keys_created_at_idx on kernel.idempotency_keys (created_at);

alter table kernel.idempotency_keys enable row level security;
create policy tenant on kernel.idempotency_keys to portal_api
    using (tenant_id = kernel.current_tenant())
    with check (tenant_id = kernel.current_tenant());
-- '*' is no tenant: keys of admin commands, which work on the whole installation
create policy installation on kernel.idempotency_keys to portal_admin
    using (tenant_id = '*')
    with check (tenant_id = '*');
create policy expire on kernel.idempotency_keys to portal_worker using (true);
grant select, insert, update, delete on kernel.idempotency_keys to portal_api;
grant select, insert, update on kernel.idempotency_keys to portal_admin;
grant select, delete on kernel.idempotency_keys to portal_worker;
