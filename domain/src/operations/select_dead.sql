-- Oldest first, so that the jobs of a key are put back in their order.
select d.id as "id!: JobId"
from jobs.dead_letters d
where d.discarded_at is null and (d.archived_at is not null) = ($14::text = 'archived')
  and ($1::text is null or d.queue = $1)
  and ($2::text is null or d.kind = $2)
  and ($3::text is null or d.tenant_id = $3)
  and ($4::text is null or d.subject = $4)
  and ($5::text is null or d.correlation_id = $5)
  and ($6::text is null or d.reason = $6)
  and ($7::text is null or d.error ilike $7)
  and ($13::text is null or d.fingerprint = $13)
  and ($8::timestamptz is null or (d.created_at >= $8 and d.id >= $9))
  and ($10::timestamptz is null or (d.created_at < $10 and d.id < $11))
order by d.id
limit $12
