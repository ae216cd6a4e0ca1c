-- $1 one of them  $2 the one before  $3 limit
select id, action as "action: Action", filter, patch, reason, created_by, steps, then_rest, rate, stop_share, stop_same,
       wait_seconds, state as "state: OperationState", explanation, total, done, skipped, succeeded, failed, failed_alike,
       cancelled, step, created_at, changed_at, changed_by, change_reason, ended_at
from operations.operations
where ($1::uuid is null or id = $1) and ($2::uuid is null or id < $2)
order by id desc
limit $3
