-- $1 actor  $2 action  $3 kind and  $4 id of a target  $5 correlation id  $6 from  $7 to
-- $8, $9 time and id of the row before  $10 limit
select r.id, r.at, r.actor, r.roles, r.action, r.target_kind, r.target_ids, r.reason, r.before, r.after,
       r.correlation_id, r.request_id
from operations.audit_records r
where ($1::text is null or r.actor = $1)
  and ($2::text is null or r.action = $2)
  and ($3::text is null or r.target_kind = $3)
  -- found first: the planner thinks that so many records name a target that the first of them are soon met
  and ($4::text is null or r.id = any(array(
      select t.id from operations.audit_records t where t.target_ids @> array[$4])))
  and ($5::text is null or r.correlation_id = $5)
  and ($6::timestamptz is null or r.at >= $6)
  and ($7::timestamptz is null or r.at < $7)
  and ($8::timestamptz is null or (r.at, r.id) < ($8, $9::uuid))
order by r.at desc, r.id desc
limit $10
