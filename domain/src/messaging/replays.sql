-- $1 one of them  $2 the one before  $3 limit
select id, consumer, stream, event_type, aggregate_id as aggregate, occurred_from as "from", occurred_to as "to", tenant,
       rate, force, reason, created_by, state as "state: ReplayState", cursor as position, last_position, matched,
       handed_over, created_at, changed_at, changed_by, change_reason, ended_at
from messaging.replays
where ($1::uuid is null or id = $1) and ($2::uuid is null or id < $2)
order by id desc
limit $3
