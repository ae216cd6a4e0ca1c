-- Jobs that somebody starts: by hand, or by a schedule.
create schema schedules;
grant usage on schema schedules to portal_admin, portal_worker;

create table schedules.schedules (
    id           uuid primary key,
    name         text not null constraint schedules_name_key unique,
    description  text not null,
    -- what is started: a job definition of the program, its parameters, and whose data it is about
    definition   text not null,
    parameters   jsonb not null constraint schedules_parameters_object check (jsonb_typeof(parameters) = 'object'),
    tenant       text,
    -- minute, hour, day of month, month, day of week, as clocks show them in this time zone
    cron         text not null,
    time_zone    text not null,
    -- what becomes of due times at which no worker ran, and for `all` how many of them at most
    missed       text not null constraint schedules_missed_known check (missed in ('skip', 'once', 'all')),
    missed_limit integer not null constraint schedules_missed_limit_range check (missed_limit between 1 and 1000),
    enabled      boolean not null,
    -- the next due time; null when there is none
    next_due     timestamptz,
    created_at   timestamptz not null default now(),
    created_by   text not null,
    updated_at   timestamptz not null default now(),
    -- who last changed it, and why
    updated_by   text not null,
    reason       text not null,
    version      bigint not null constraint schedules_version_positive check (version > 0),
    constraint schedules_disabled_never_due check (enabled or next_due is null)
);
-- what every worker asks for once a second
create index schedules_next_due_idx on schedules.schedules (next_due) where next_due is not null;
grant select, insert, update, delete on schedules.schedules to portal_admin;
grant select, update (next_due) on schedules.schedules to portal_worker;

-- Every job that was started, and every due time that passed without one.
create table schedules.fires (
    position    bigint generated always as identity primary key,
    -- null: by hand, without a schedule
    schedule_id uuid constraint fires_schedule_fkey references schedules.schedules (id) on delete cascade,
    definition  text not null,
    cause       text not null constraint fires_cause_known check (cause in ('due', 'missed', 'hand')),
    -- the due time it is for; null by hand
    due_at      timestamptz,
    -- null: no job, because it was missed
    job_id      text collate "C",
    -- due times before it that were passed over
    skipped     integer not null default 0 constraint fires_skipped_not_negative check (skipped >= 0),
    at          timestamptz not null default now(),
    actor       text not null,
    reason      text,
    -- a due time happens once, whichever worker is the first, and whatever clocks do
    constraint fires_due_key unique (schedule_id, due_at),
    constraint fires_hand_complete check ((cause = 'hand') = (due_at is null) and (cause = 'hand') = (reason is not null)),
    constraint fires_job_unless_missed check (job_id is not null or cause = 'missed')
);
create index fires_schedule_idx on schedules.fires (schedule_id, position);
-- what expires
create index fires_at_idx on schedules.fires (at);
grant select, insert on schedules.fires to portal_admin;
grant select, insert, delete on schedules.fires to portal_worker;

-- who makes documents anew asks where the log ends
grant execute on function messaging.log_end() to portal_worker;
