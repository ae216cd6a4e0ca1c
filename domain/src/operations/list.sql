select o.id as "id!", o.queue as "queue!", o.kind as "kind!", o.state as "state!: JobState", o.tenant_id as tenant,
       o.subject, o.ordering_key, o.correlation_id, o.attempts as "attempts!", o.redrives as "redrives!",
       o.created_at as "created_at!", o.next_run_at, o.ended_at, o.worker, o.reason as "reason: DeadReason", o.error,
       o.fingerprint
from jobs.overview o
where o.place = any($1::text[])
  and ($2::text is null or o.state = $2)
  -- What these three say follows from the state, but is cheaper to find out.
  and ($2::text is distinct from 'running' or o.worker is not null)
  and ($2::text is distinct from 'waiting' or o.waiting_for is not null)
  and ($2::text is distinct from 'retrying' or o.attempts > 0)
  and ($3::text is null or o.queue = $3)
  and ($4::text is null or o.kind = $4)
  and ($5::text is null or o.tenant_id = $5)
  and ($6::text is null or o.subject = $6)
  and ($7::text is null or o.correlation_id = $7)
  and ($8::text is null or o.reason = $8)
  and ($9::text is null or o.error ilike $9)
  and ($16::text is null or o.fingerprint = $16)
  -- This one says what follows from that: the few live jobs that have failed have an index.
  and ($16::text is null or o.place <> 'live' or o.attempts > 0 or o.crashes > 0)
  and ($10::timestamptz is null or (o.created_at >= $10 and o.id >= $11))
  and ($12::timestamptz is null or (o.created_at < $12 and o.id < $13))
  and ($14::text is null or o.id < $14)
order by o.id desc
limit $15
