-- Whose turn it is, and nobody else meanwhile.
select id, action as "action: Action", patch, reason, created_by, steps, then_rest, rate, stop_share, stop_same, wait_seconds,
       total, position, done, skipped, succeeded, failed, failed_alike, cancelled, step, step_from, step_done,
       step_succeeded, step_failed, step_alike, step_cancelled, looked_to,
       extract(epoch from now() - waits_since)::double precision as waited
from operations.operations
where id = $1 and turn = $2 and state = 'running'
for update
