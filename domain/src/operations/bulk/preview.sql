-- What an action would do to dead letters: $1 their ids in this order  $2 only those after this id  $3 limit
-- $4 whether their jobs would run again  $5 whether they have to be put away  $6 the kind of handlers' jobs
with picked as materialized (
    select id from unnest($1::text[]) as asked (id)
),
-- before anything is looked up
page as materialized (
    select id from picked where $2::text is null or id > $2 order by id limit $3
),
-- what is put back together blocks nothing
holding as materialized (
    select distinct on (h.queue, h.ordering_key) h.queue, h.ordering_key, h.seq, h.id
    from jobs.dead_letters h
    left join picked p on p.id = h.id
    where $4::boolean and h.holds_key and p.id is null
    order by h.queue, h.ordering_key, h.seq
)
select p.id as "id!", d.queue as "queue?", d.kind as "kind?", d.tenant_id as "tenant?",
       case
           when d.id is null then 'no_longer_dead'
           when i.handled then 'already_processed'
           when $4 and operations.endpoint_disabled(d.kind, d.id) then 'endpoint_disabled'
           when coalesce(b.id, h.id) is not null then 'blocked'
           else 'ready'
       end as "verdict!: Verdict",
       case when i.handled is null then case when b.seq < h.seq or h.id is null then b.id else h.id end end as blocked_by
from page p
left join jobs.dead_letters d on d.id = p.id
    and (case when $5::boolean then (d.discarded_at is not null or d.archived_at is not null)
                  -- another event has taken the place of its own
                  and not exists (select from jobs.edits e where e.job_id = d.id and e.correction is not null)
              else d.discarded_at is null and d.archived_at is null end)
-- a handler's job bears the event's id as what caused it, and its queue the name of the consumer group
left join lateral (
    select true as handled from kernel.inbox i
    where i.event_id = d.causation_id and i.consumer = d.queue and i.job_id = d.id and i.handled_at is not null
    limit 1) i on $4 and d.kind = $6
left join lateral (
    select b.id, b.seq from apalis.jobs b
    where b.job_type = d.queue and b.ordering_key = d.ordering_key and b.seq < d.seq
      and b.ordering_key is not null and (b.lock_by is not null or b.deferred or b.suspect)
    order by b.seq limit 1) b on $4 and d.ordering_key is not null
left join holding h on h.queue = d.queue and h.ordering_key = d.ordering_key and h.seq < d.seq
order by p.id
