-- What operators did: one row per command over the installation, written in its own transaction. Nobody
-- but the owner can change or delete a row, and nothing does.
create schema operations;
grant usage on schema operations to portal_admin;

create table operations.audit_records (
    id             uuid primary key,
    at             timestamptz not null default now(),
    -- the subject of the token, and the roles in it
    actor          text not null,
    roles          text[] not null,
    -- verb and thing: retry_dead_letter
    action         text not null,
    -- dead_letter, job, queue, replay
    target_kind    text not null,
    -- of a command on many, all that it changed
    target_ids     text[] not null,
    -- in the operator's words; null where none are asked for
    reason         text,
    -- what counted of the target, in short: no payloads
    before         jsonb not null,
    after          jsonb not null,
    correlation_id text not null,
    request_id     text not null,
    constraint audit_records_before_is_object check (jsonb_typeof(before) = 'object'),
    constraint audit_records_after_is_object check (jsonb_typeof(after) = 'object')
);
-- The list is newest first; each filter walks an index in that order, or one that leaves few rows.
create index audit_records_at_idx on operations.audit_records (at, id);
create index audit_records_actor_idx on operations.audit_records (actor, at, id);
create index audit_records_action_idx on operations.audit_records (action, at, id);
create index audit_records_target_kind_idx on operations.audit_records (target_kind, at, id);
create index audit_records_correlation_id_idx on operations.audit_records (correlation_id);
create index audit_records_target_ids_idx on operations.audit_records using gin (target_ids);

grant select, insert on operations.audit_records to portal_admin;
