-- Webhooks: where a tenant wants to be told of its events, and what became of telling it.

create schema webhooks;
grant usage on schema webhooks to portal_api, portal_worker, portal_admin;

create table webhooks.endpoints (
    id             uuid primary key,
    tenant_id      text not null,
    url            text not null constraint endpoints_url_length check (length(url) between 1 and 2000),
    -- types, and beginnings of types that end in `.*`
    event_types    text[] not null constraint endpoints_event_types_count check (cardinality(event_types) between 1 and 50),
    description    text not null constraint endpoints_description_length check (length(description) <= 500),
    header_names   text[] not null,
    -- name → value. A value may be a password: the API writes it and never reads it
    headers        jsonb not null,
    -- deliveries per second at most; null: as many as there are
    rate_limit     integer constraint endpoints_rate_limit_range check (rate_limit between 1 and 1000),
    -- a deleted one stays for the sake of its deliveries
    state          text not null constraint endpoints_state_known check (state in ('enabled', 'disabled', 'deleted')),
    disable_reason text constraint endpoints_disable_reason_known check (disable_reason in ('requested', 'gone', 'failing')),
    state_since    timestamptz not null,
    -- when the first of the attempts began that all failed since; null after one that succeeded
    failing_since  timestamptz,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    -- also the sequence of its last event
    version        bigint not null constraint endpoints_version_positive check (version > 0),
    -- what the others refer to, so that nothing of another tenant's can be referred to
    constraint endpoints_tenant_id_key unique (tenant_id, id),
    constraint endpoints_disabling_explained check ((state = 'disabled') = (disable_reason is not null))
);
-- the list, and the few that an event may be for
create index endpoints_created_at_idx on webhooks.endpoints (tenant_id, created_at, id) where state <> 'deleted';

-- What deliveries are signed with: all of an endpoint's that have not expired.
create table webhooks.secrets (
    id          uuid primary key,
    tenant_id   text not null,
    endpoint_id uuid not null,
    secret      bytea not null constraint secrets_secret_length check (length(secret) between 24 and 64),
    created_at  timestamptz not null,
    -- null: the present one
    expires_at  timestamptz,
    constraint secrets_endpoint_fkey foreign key (tenant_id, endpoint_id) references webhooks.endpoints (tenant_id, id)
);
create index secrets_endpoint_id_idx on webhooks.secrets (endpoint_id);
create unique index secrets_present_key on webhooks.secrets (endpoint_id) where expires_at is null;

-- One row per endpoint and event, however often the event arrives.
create table webhooks.deliveries (
    -- made from endpoint and event; also the header `webhook-id`
    id          uuid primary key,
    tenant_id   text not null,
    endpoint_id uuid not null,
    event_id    text collate "C" not null,
    event_type  text not null,
    -- what the event is about: customers/{id}
    subject     text not null,
    -- the job that sends it; that of before, should it still be there, does nothing
    job_id      text collate "C" not null,
    -- an operator's own, whose event is in no log, and which is tried once
    is_test     boolean not null,
    status      text not null constraint deliveries_status_known check (status in ('pending', 'succeeded', 'failed')),
    attempts    integer not null constraint deliveries_attempts_not_negative check (attempts >= 0),
    -- of the last attempt that failed
    error       text,
    created_at  timestamptz not null,
    -- when it was taken, or given up
    finished_at timestamptz,
    constraint deliveries_endpoint_fkey foreign key (tenant_id, endpoint_id) references webhooks.endpoints (tenant_id, id),
    constraint deliveries_end_complete check ((status = 'pending') = (finished_at is null)),
    constraint deliveries_failure_explained check (status <> 'failed' or error is not null)
);
create index deliveries_created_at_idx on webhooks.deliveries (endpoint_id, created_at, id);
-- the few that are not done; the others are looked at row by row
create index deliveries_open_idx on webhooks.deliveries (endpoint_id, status, created_at, id)
    where status in ('pending', 'failed');
-- an event's story
create index deliveries_event_id_idx on webhooks.deliveries (event_id);
-- what expires
create index deliveries_finished_at_idx on webhooks.deliveries (finished_at) where finished_at is not null;
-- every one is changed at least once
alter table webhooks.deliveries set (fillfactor = 80);

-- One row per attempt that got as far as the endpoint.
create table webhooks.attempts (
    delivery_id uuid not null constraint attempts_delivery_fkey references webhooks.deliveries (id),
    -- the first is 1
    attempt     integer not null constraint attempts_attempt_positive check (attempt > 0),
    tenant_id   text not null,
    url         text not null,
    started_at  timestamptz not null,
    duration_ms integer not null constraint attempts_duration_not_negative check (duration_ms >= 0),
    -- of the answer; null when there was none
    status      integer,
    -- the beginning of the answer's body
    response    text not null,
    -- null: it was taken
    error_class text,
    error       text,
    constraint attempts_pkey primary key (delivery_id, attempt),
    constraint attempts_failure_explained check ((error_class is null) = (error is null))
);

alter table webhooks.endpoints enable row level security;
alter table webhooks.secrets enable row level security;
alter table webhooks.deliveries enable row level security;
alter table webhooks.attempts enable row level security;
create policy tenant on webhooks.endpoints to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
create policy tenant on webhooks.secrets to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
create policy tenant on webhooks.deliveries to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
create policy tenant on webhooks.attempts to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
create policy everything on webhooks.deliveries for select to portal_admin using (true);
create policy everything on webhooks.attempts for select to portal_admin using (true);

-- all but the headers' values
grant select (id, tenant_id, url, event_types, description, header_names, rate_limit, state, disable_reason, state_since,
              failing_since, created_at, updated_at, version), insert, update on webhooks.endpoints to portal_api;
grant select, update (state, disable_reason, state_since, failing_since, updated_at, version) on webhooks.endpoints
    to portal_worker;
-- all but the secret itself
grant select (id, tenant_id, endpoint_id, created_at, expires_at), insert, update (expires_at), delete
    on webhooks.secrets to portal_api;
grant select on webhooks.secrets to portal_worker;
grant select, insert, update (job_id, status, finished_at) on webhooks.deliveries to portal_api;
grant select, insert, update (job_id, status, attempts, error, finished_at) on webhooks.deliveries to portal_worker;
grant select on webhooks.attempts to portal_api;
grant select, insert on webhooks.attempts to portal_worker;
grant select on webhooks.deliveries, webhooks.attempts to portal_admin;

-- A delivery is sent anew: the dead letters of its earlier jobs are nobody's business any more.
--
-- With the owner's rights: who sends a delivery of its tenant anew may put away what became of it, and
-- nothing else of the queue.
create function webhooks.put_away(p_delivery uuid, p_actor text) returns void
    language sql volatile security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
as $$
    with discarded as (
        update jobs.dead_letters d
        set discarded_at = now(), discarded_by = p_actor, discard_reason = 'sent anew by another job', holds_key = false
        where d.subject = 'webhooks/' || p_delivery and d.kind = 'deliver-webhook.v1' and d.discarded_at is null
          -- one that an operator archived is put away already, and kept
          and d.archived_at is null and d.tenant_id = kernel.current_tenant()
        returning d.*
    )
    insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, reason, tenant_id, ended_at)
    select id, queue, kind, attempts, 'discarded', p_actor, discard_reason, tenant_id, now() from discarded
$$;
-- Whether a job is still to run, or running. With the owner's rights, as above: of the tenant's own jobs.
create function webhooks.is_queued(p_job text) returns boolean
    language sql stable security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
    return exists (select from apalis.jobs j where j.id = p_job and j.tenant_id = kernel.current_tenant());
revoke execute on function webhooks.put_away(uuid, text), webhooks.is_queued(text) from public;
grant execute on function webhooks.is_queued(text) to portal_api, portal_worker;
grant execute on function webhooks.put_away(uuid, text) to portal_api, portal_worker;

-- What operations ask before they put a delivery back: one that is switched off, or deleted, gets nothing. With the owner's rights: operators do not see endpoints.
create or replace function operations.endpoint_disabled(p_kind text, p_job text) returns boolean
    language sql stable security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
    return case when p_kind = 'deliver-webhook.v1' then exists (
        select from jobs.dead_letters l
        join webhooks.deliveries d on d.id = substr(l.subject, length('webhooks/') + 1)::uuid
        join webhooks.endpoints e on e.tenant_id = d.tenant_id and e.id = d.endpoint_id
        where l.id = p_job and e.state <> 'enabled') else false end;

-- Deletes deliveries that ended more than p_keep_days ago, 10,000 at most, with their attempts; what is a dead letter
-- stays. With the owner's rights: the workers see one tenant at a time, and delete nothing.
create function webhooks.expire_deliveries(p_keep_days integer) returns integer
    language plpgsql volatile security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
as $$
declare
    expired integer;
begin
    if p_keep_days < 1 then
        raise exception 'p_keep_days must be at least 1, got %', p_keep_days;
    end if;
    with gone as (
        select d.id from webhooks.deliveries d
        where d.finished_at < now() - p_keep_days * interval '1 day'
          and not exists (select from jobs.dead_letters l where l.subject = 'webhooks/' || d.id and l.discarded_at is null)
        order by d.finished_at limit 10000
        for update skip locked
    ),
    attempts as (
        delete from webhooks.attempts a using gone g where a.delivery_id = g.id
    )
    delete from webhooks.deliveries d using gone g where d.id = g.id;
    get diagnostics expired = row_count;
    return expired;
end
$$;
revoke execute on function webhooks.expire_deliveries(integer) from public;
grant execute on function webhooks.expire_deliveries(integer) to portal_worker;
