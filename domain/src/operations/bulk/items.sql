-- $1 operation  $2 result  $3 position of the one before  $4 limit
select i.position, i.job_id, i.result as "result: ItemResult", i.skipped_for, i.detail, i.fingerprint, i.failed_with,
       d.error as "error?", i.acted_at, i.ended_at
from operations.items i
left join jobs.dead_letters d on d.id = i.job_id and i.result = 'failed'
where i.operation = $1
  and ($2::text is null or i.result = $2)
  and i.position > $3
order by i.position
limit $4
