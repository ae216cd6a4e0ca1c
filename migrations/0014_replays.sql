-- Replays: stored events handed to one consumer group again.
--
-- A replay is of the events there are when it is ordered: those with a position up to `last_position`.
-- Positions are given before commits, so an event below it may be uncommitted then. Every transaction that
-- holds such a position holds a lock on kernel.events, which an insert takes before it takes a position: the
-- transactions that hold one when the replay is ordered are written down, and nothing is read before they
-- have ended. From then on the positions up to the last one never change, and no cursor can skip any. It
-- costs inserts nothing, knows no wraparound, and waits for writers of events only, however long others take.
create schema messaging;
grant usage on schema messaging to portal_admin, portal_worker;

create table messaging.replays (
    id             uuid primary key,
    consumer       text not null,
    -- which events: what is null does not matter
    stream         text,
    event_type     text,
    aggregate_id   uuid,
    occurred_from  timestamptz,
    occurred_to    timestamptz,
    tenant         text,
    -- what the group reacted to when the first step ran: a worker that knows less must not go on
    types          text[],
    -- events per second at most
    rate           integer not null constraint replays_rate_range check (rate between 1 and 10000),
    -- handed over whether or not the group has handled it before
    force          boolean not null,
    reason         text not null,
    created_by     text not null,
    state          text not null constraint replays_state_known
        check (state in ('running', 'paused', 'cancelled', 'completed')),
    -- all events up to here have been looked at
    cursor         bigint not null default 0,
    last_position  bigint not null,
    -- virtual transactions that may still commit events up to last_position
    waits_for      text[] not null,
    -- which job is the next: an older one, which runs again, does nothing
    step           bigint not null default 0,
    matched        bigint not null default 0,
    handed_over    bigint not null default 0,
    created_at     timestamptz not null default now(),
    changed_at     timestamptz not null default now(),
    -- the last one who paused, resumed or cancelled it, and why
    changed_by     text,
    change_reason  text,
    ended_at       timestamptz,
    constraint replays_end_complete check ((state in ('cancelled', 'completed')) = (ended_at is not null)),
    constraint replays_handed_over_matched check (handed_over <= matched)
);
grant select, insert, update on messaging.replays to portal_admin;
grant select, update (state, types, cursor, step, matched, handed_over, changed_at, changed_by, change_reason, ended_at)
    on messaging.replays to portal_worker;

-- Where the log ends, and who may still commit something before that. The position first: who took one
-- up to it has the lock by then, or has ended.
create function messaging.log_end(out last_position bigint, out waits_for text[])
    language plpgsql volatile security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('select last_value from %s', pg_get_serial_sequence('kernel.events', 'position')) into last_position;
    select coalesce(array_agg(distinct l.virtualtransaction), '{}') into waits_for
    from pg_locks l
    where l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
      and l.relation = 'kernel.events'::regclass
      and l.database = (select d.oid from pg_database d where d.datname = current_database());
end
$$;

create function messaging.waits(p_replay uuid) returns boolean
    language sql volatile security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
    return exists (
        select from messaging.replays r
        join pg_locks l on l.virtualtransaction = any (r.waits_for)
        where r.id = p_replay and l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
          and l.relation = 'kernel.events'::regclass
          and l.database = (select d.oid from pg_database d where d.datname = current_database()));

-- The next events of a replay, of whichever tenant: a worker sees one tenant at a time by itself. At most
-- p_window positions are looked at, however few of them match, along the primary key.
create function messaging.replay_batch(p_replay uuid, p_types text[], p_limit integer, p_window bigint)
returns setof kernel.events
    language sql volatile security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
as $$
    select e.*
    from messaging.replays r
    join kernel.events e on e.position > r.cursor and e.position <= least(r.last_position, r.cursor + p_window)
    where r.id = p_replay and r.state = 'running' and e.type = any (p_types)
      and (r.stream is null or e.module = r.stream)
      and (r.event_type is null or e.type = r.event_type)
      and (r.aggregate_id is null or e.aggregate_id = r.aggregate_id)
      and (r.occurred_from is null or e.occurred_at >= r.occurred_from)
      and (r.occurred_to is null or e.occurred_at < r.occurred_to)
      and (r.tenant is null or e.tenant_id = r.tenant)
    order by e.position
    limit p_limit
$$;
revoke execute on function messaging.log_end(), messaging.waits(uuid), messaging.replay_batch(uuid, text[], integer, bigint)
    from public;
grant execute on function messaging.log_end() to portal_admin;
grant execute on function messaging.waits(uuid), messaging.replay_batch(uuid, text[], integer, bigint) to portal_worker;
