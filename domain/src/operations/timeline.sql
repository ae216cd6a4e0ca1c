-- $1 events  $2 the same as text  $3 limit
--
-- One look-up by key per event, and per job of it: laterals that `offset 0` keeps apart, so that no plan reads a
-- whole table, not even the hot one, of which statistics know little. The places break ties, cause before
-- effect: a transaction has one now().
with logged as materialized (
    select e.* from unnest($1::uuid[]) as asked (id) cross join lateral (
        select * from kernel.events e where e.id = asked.id offset 0) e
),
-- the primary key of the inbox begins with the event
received as materialized (
    select i.* from unnest($2::text[]) as asked (id) cross join lateral (
        select * from kernel.inbox i where i.event_id = asked.id offset 0) i
),
-- what a customer was told of an order's event
notified as materialized (
    select n.*, e.id::text as event_id, e.occurred_at, e.correlation_id
    from logged e cross join lateral (
        select * from notifications.notifications n
        where n.tenant_id = e.tenant_id and n.order_id = e.aggregate_id
          and e.type = 'com.offgrid.portal.orders.' || n.event offset 0) n
    where e.module = 'orders'
),
-- what endpoints were told of it
delivered as materialized (
    select d.*, e.correlation_id
    from logged e cross join lateral (
        select * from webhooks.deliveries d where d.event_id = e.id::text offset 0) d
),
work as materialized (
    select e.job_id, e.id::text as event_id from logged e
    union all
    select i.job_id, i.event_id from received i
    union all
    select n.job_id, n.event_id from notified n
    union all
    select d.job_id, d.event_id from delivered d
),
entries as (
    -- the application's clock and the database's may differ: the command is never after its event
    select distinct least(e.occurred_at, e.recorded_at) as at, 0 as place, 'command'::text as step, e.actor as who,
           null::text as queue, null::text as event_id, null::text as job_id, null::text as event_type,
           null::text as subject, e.tenant_id, e.correlation_id, e.causation_id, null::integer as attempt,
           null::text as outcome, null::text as error, null::text as reason, null::timestamptz as started_at,
           null::timestamptz as next_run_at
    from logged e
    union all
    select e.recorded_at, 1, 'event', e.actor, null, e.id::text, null, e.type, e.subject, e.tenant_id,
           e.correlation_id, e.causation_id, null, null, null, null, null, null
    from logged e
    union all
    select e.recorded_at, 2, 'outbox', null, 'outbox', e.id::text, e.job_id, null, e.subject, e.tenant_id,
           e.correlation_id, null, null, null, null, null, null, null
    from logged e
    union all
    select i.received_at, 3, 'received', null, i.consumer, i.event_id, i.job_id, null, null, i.tenant_id,
           null, null, null, null, null, null, null, null
    from received i
    union all
    select a.ended_at, 4, case when a.reason is null then 'attempt' else 'operator' end, a.actor, a.queue, w.event_id,
           w.job_id, null, null, a.tenant_id, null, null, a.attempt, a.outcome, a.error, a.reason, a.started_at,
           a.next_run_at
    from work w cross join lateral (
        select * from jobs.attempts a where a.job_id = w.job_id order by a.position limit $3) a
    union all
    select p.published_at, 5, 'confirmed', null, 'outbox', w.event_id, w.job_id, null, null, null,
           null, null, p.attempt, 'confirmed', null, null, null, null
    from work w cross join lateral (select * from jobs.publications p where p.job_id = w.job_id offset 0) p
    union all
    select i.handled_at, 6, 'handled', null, i.consumer, i.event_id, i.job_id, null, null, i.tenant_id,
           null, null, null, null, null, null, null, null
    from received i where i.handled_at is not null
    union all
    select n.finished_at, 7, 'notification', null, 'mail', n.event_id, n.job_id, null, 'notifications/' || n.id, n.tenant_id,
           n.correlation_id, null, n.attempts, n.status, n.error, null, null, null
    from notified n where n.finished_at is not null
    union all
    select d.finished_at, 7, 'webhook', null, 'deliveries', d.event_id, d.job_id, null, 'webhooks/' || d.id, d.tenant_id,
           d.correlation_id, null, d.attempts, d.status, d.error, null, null, null
    from delivered d where d.finished_at is not null
    union all
    select c.completed_at, 8, 'completed', c.worker, c.queue, w.event_id, w.job_id, null, c.subject, c.tenant_id,
           c.correlation_id, null, c.attempt, c.state, null, null, c.started_at, null
    from work w cross join lateral (select * from jobs.completed c where c.id = w.job_id offset 0) c
    union all
    select d.died_at, 9, 'dead_letter', null, d.queue, w.event_id, w.job_id, null, d.subject, d.tenant_id,
           d.correlation_id, d.causation_id, d.attempts,
           case when d.discarded_at is not null then 'discarded' when d.archived_at is not null then 'archived' else 'dead' end,
           d.error, d.reason, null, null
    from work w cross join lateral (select * from jobs.dead_letters d where d.id = w.job_id offset 0) d
    union all
    -- what comes next stands after everything that happened
    select case o.state when 'running' then o.started_at else greatest(now(), o.next_run_at) end, 10,
           case o.state when 'running' then 'running' else 'next' end, o.worker, o.queue, w.event_id,
           w.job_id, null, o.subject, o.tenant_id, o.correlation_id, o.causation_id, o.attempts + 1, o.state, o.error,
           null, o.started_at, o.next_run_at
    from work w cross join lateral (select * from jobs.overview o where o.place = 'live' and o.id = w.job_id offset 0) o
)
select at as "at!", step as "step!: Step", who, queue, event_id, job_id, event_type, subject, tenant_id as tenant,
       correlation_id, causation_id, attempt, outcome, error, reason, started_at, next_run_at
from entries
order by at, place, event_id, job_id, attempt
limit $3
