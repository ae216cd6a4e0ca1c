-- $1 operation  $2 after this position  $3 up to this one  $4 jobs that the action was done on
-- $5 jobs whose payload does not fit, and  $6 why
update operations.items
set result = case when job_id = any ($4) then 'done' else 'skipped' end,
    skipped_for = case when job_id = any ($4) then null when job_id = any ($5) then 'payload_invalid'
                       else 'no_longer_dead' end,
    detail = ($6::text[])[array_position($5::text[], job_id)],
    acted_at = now()
where operation = $1 and position > $2 and position <= $3
