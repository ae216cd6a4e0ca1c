-- The inbox: which event each consumer group has, and whether its effect has happened.
--
-- A row is made when the event arrives, together with the job that handles it, so that an event
-- that arrives again makes no second job. It is marked in the transaction of the effect, so that a
-- job that runs again has no second effect.
create table kernel.inbox (
    -- first, because ids ascend with time: new rows lie together
    event_id    text collate "C" not null,
    source      text not null,
    -- the consumer group
    consumer    text not null,
    tenant_id   text not null,
    -- the job that handles it
    job_id      text collate "C" not null,
    received_at timestamptz not null default now(),
    handled_at  timestamptz,
    constraint inbox_pkey primary key (event_id, source, consumer)
);
-- every row is updated once
alter table kernel.inbox set (fillfactor = 85);

alter table kernel.inbox enable row level security;
-- a batch that arrives holds events of several tenants
create policy work on kernel.inbox to portal_worker using (true) with check (true);
create policy everything on kernel.inbox for select to portal_admin using (true);
grant select, insert, update (handled_at) on kernel.inbox to portal_worker;
grant select on kernel.inbox to portal_admin;

-- A message that cannot be read becomes a dead letter without ever having been a job of the hot table:
-- it takes its place in the order from the same sequence.
do $$
begin
    execute format('grant usage on sequence %s to portal_worker', pg_get_serial_sequence('apalis.jobs', 'seq'));
end
$$;
