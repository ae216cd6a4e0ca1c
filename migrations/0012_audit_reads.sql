-- Reading the event log: each filter walks an index in the order of the list, newest first.
--
-- Every index here costs every command, so there is none per filter. By type serves also a whole module
-- and no filter at all, because the few types there are can be found by leaping through it, and a time,
-- because that comes before the position. By actor stands alone: there are too many of them to leap.
create index events_type_idx on kernel.events (tenant_id, type, occurred_at, position);
create index events_actor_idx on kernel.events (tenant_id, actor, occurred_at, position);

-- The job that publishes an event has its id: a ULID and a UUID are the same 128 bits.
drop index kernel.events_job_id_idx;
