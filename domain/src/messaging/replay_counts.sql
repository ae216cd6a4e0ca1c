-- Counting stops at 100,000, so that the answer stays quick.
select count(*) as "matched!",
       count(*) filter (where exists (
           select from kernel.inbox i
           where i.event_id = e.id::text and i.source = e.source and i.consumer = $1)) as "known!"
from (
    select e.id, e.source from kernel.events e
    where ($2::text is null or e.module = $2)
      and ($3::text is null or e.type = $3)
      and ($4::uuid is null or e.aggregate_id = $4)
      and ($5::timestamptz is null or e.occurred_at >= $5)
      and ($6::timestamptz is null or e.occurred_at < $6)
      and ($7::text is null or e.tenant_id = $7)
      -- what takes the place of an event is handed over, and not the event itself
      and not exists (select from kernel.events c where c.corrects = e.id)
    limit 100000) e
