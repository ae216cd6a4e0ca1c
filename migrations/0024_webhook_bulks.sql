-- Sending many deliveries of an endpoint: all that failed since a time (recover), or what the log has since a time
-- (replay). Works in steps, each a job and one transaction that moves the cursor.
create table webhooks.bulks (
    id            uuid primary key,
    tenant_id     text not null,
    endpoint_id   uuid not null,
    kind          text not null constraint bulks_kind_known check (kind in ('recover', 'replay')),
    -- deliveries made, or events that happened, then or later
    since         timestamptz not null,
    state         text not null constraint bulks_state_known
        check (state in ('running', 'cancelled', 'completed', 'failed')),
    -- which job is the next: an older one, which runs again, does nothing
    step          bigint not null default 0,
    -- recover: the last delivery that was looked at
    after_time    timestamptz,
    after_id      uuid,
    -- replay: all events up to here have been looked at, of those up to the last
    position      bigint not null default 0,
    last_position bigint not null,
    -- deliveries or events that it is about, so far
    matched       bigint not null default 0,
    -- those of them that became a job
    sent          bigint not null default 0,
    -- why it failed
    error         text,
    created_by    text not null,
    created_at    timestamptz not null,
    changed_at    timestamptz not null,
    ended_at      timestamptz,
    constraint bulks_endpoint_fkey foreign key (tenant_id, endpoint_id) references webhooks.endpoints (tenant_id, id),
    constraint bulks_end_complete check ((state = 'running') = (ended_at is null)),
    constraint bulks_failure_explained check ((state = 'failed') = (error is not null)),
    constraint bulks_cursor_complete check ((after_time is null) = (after_id is null)),
    constraint bulks_sent_matched check (sent <= matched)
);
alter table webhooks.bulks enable row level security;
create policy tenant on webhooks.bulks to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
grant select, insert, update (state, step, changed_at, ended_at) on webhooks.bulks to portal_api;
grant select, update (state, step, after_time, after_id, position, matched, sent, error, changed_at, ended_at)
    on webhooks.bulks to portal_worker;

-- Where the log ends, whosever the last event is. With the owner's rights: among the events of one tenant alone there
-- is no index to find it by.
create function webhooks.last_position() returns bigint
    language sql stable security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
    return (select coalesce(max(e.position), 0) from kernel.events e);
revoke execute on function webhooks.last_position() from public;
grant execute on function webhooks.last_position() to portal_api;
