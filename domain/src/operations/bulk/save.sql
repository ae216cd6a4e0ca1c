update operations.operations
set turn = turn + 1, changed_at = now(),
    state = $2, explanation = coalesce($3, explanation),
    ended_at = case when $2 = 'completed' then now() end,
    position = $4, done = $5, skipped = $6, succeeded = $7, failed = $8, failed_alike = $9, cancelled = $10,
    step = $11, step_from = $12, step_done = $13, step_succeeded = $14, step_failed = $15, step_alike = $16,
    step_cancelled = $17, looked_to = $18,
    waits_since = case when $19::boolean then coalesce(waits_since, now()) end,
    due_at = now() + $20::bigint * interval '1 millisecond'
where id = $1
