-- Operations: one action on many dead letters. Which ones is written down when the operation is ordered, and
-- never changes; workers then do it bit by bit.
create schema if not exists operations;
grant usage on schema operations to portal_admin, portal_worker;

create table operations.operations (
    id             uuid primary key,
    action         text not null constraint operations_action_known
        check (action in ('retry', 'discard', 'archive', 'restore', 'edit_and_retry')),
    -- what the dead letters were selected by, for people; null where they were named
    filter         jsonb,
    -- a merge patch of the payloads
    patch          jsonb,
    reason         text not null,
    created_by     text not null,
    -- In steps of so many items, and then the rest, or a pause; empty: all of them at once.
    steps          integer[] not null,
    then_rest      boolean not null,
    -- items per second at most
    rate           integer not null constraint operations_rate_range check (rate between 1 and 10000),
    -- stops by itself when a larger share of a step fails again; 1 never does
    stop_share     double precision not null constraint operations_stop_share_range check (stop_share between 0 and 1),
    -- only what fails with the same fingerprint as before counts
    stop_same      boolean not null,
    -- how long a step's outcome is waited for at most
    wait_seconds   integer not null constraint operations_wait_seconds_range check (wait_seconds between 1 and 3600),
    state          text not null constraint operations_state_known
        check (state in ('running', 'paused', 'stopped', 'cancelled', 'completed')),
    -- why it stopped or paused by itself
    explanation    text,
    -- which job is the next: an older one, which runs again, does nothing
    turn           bigint not null default 0,
    -- not before this
    due_at         timestamptz not null default now(),
    total          integer not null,
    -- the items up to this one were acted on
    position       integer not null default 0,
    -- Counters over the items, so that nobody counts them anew.
    done           integer not null default 0,
    skipped        integer not null default 0,
    -- of those done, where they are retried
    succeeded      integer not null default 0,
    failed         integer not null default 0,
    failed_alike   integer not null default 0,
    cancelled      integer not null default 0,
    -- The present step, the first is 0: the position it began at, and the same counters of it alone.
    step           integer not null default 0,
    step_from      integer not null default 0,
    step_done      integer not null default 0,
    step_succeeded integer not null default 0,
    step_failed    integer not null default 0,
    step_alike     integer not null default 0,
    step_cancelled integer not null default 0,
    -- the outcomes of the step's items were looked for up to this one
    looked_to      integer not null default 0,
    -- since when nothing is left but to wait for them
    waits_since    timestamptz,
    created_at     timestamptz not null default now(),
    changed_at     timestamptz not null default now(),
    -- the last one who paused, resumed or cancelled it, and why
    changed_by     text,
    change_reason  text,
    ended_at       timestamptz,
    constraint operations_end_complete check ((state in ('cancelled', 'completed')) = (ended_at is not null)),
    constraint operations_stop_explained check (state <> 'stopped' or explanation is not null),
    constraint operations_counters_fit check
        (done + skipped = position and position <= total and succeeded + failed + cancelled <= done
         and failed_alike <= failed)
);

-- No foreign key: it would be looked up for each of 100,000 rows that one statement inserts, and no operation is
-- ever deleted.
create table operations.items (
    operation   uuid not null,
    -- the first is 1
    position    integer not null,
    job_id      text collate "C" not null,
    -- what it had failed with when it was selected
    fingerprint text collate "C",
    result      text not null default 'waiting' constraint items_result_known
        check (result in ('waiting', 'done', 'skipped', 'succeeded', 'failed', 'cancelled')),
    -- why it was skipped
    skipped_for text,
    detail      text,
    -- what it failed with again
    failed_with text collate "C",
    acted_at    timestamptz,
    ended_at    timestamptz,
    constraint items_pkey primary key (operation, position),
    constraint items_skipped_for_something check ((result = 'skipped') = (skipped_for is not null))
);
-- every row is updated twice
alter table operations.items set (fillfactor = 60);

grant select, insert, update on operations.operations to portal_admin;
grant select, insert on operations.items to portal_admin;
grant select, update (state, explanation, turn, due_at, position, done, skipped, succeeded, failed, failed_alike,
    cancelled, step, step_from, step_done, step_succeeded, step_failed, step_alike, step_cancelled, looked_to, waits_since,
    changed_at, changed_by, change_reason, ended_at) on operations.operations to portal_worker;
grant select, update (result, skipped_for, detail, failed_with, acted_at, ended_at) on operations.items to portal_worker;
-- What an admin ordered the workers do: they put dead letters back, or away, and keep what they edit.
grant update, delete on jobs.dead_letters to portal_worker;
grant select, insert on jobs.edits to portal_worker;

-- Whether a dead letter goes to an endpoint that is switched off: retried, it would not be delivered. Nothing does, until
-- whoever makes deliveries replaces this.
create function operations.endpoint_disabled(p_kind text, p_job text) returns boolean
    language sql stable parallel safe
    return false;
revoke execute on function operations.endpoint_disabled(text, text) from public;
grant execute on function operations.endpoint_disabled(text, text) to portal_admin;
