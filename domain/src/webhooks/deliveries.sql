-- $1 endpoint  $2 status  $3 type  $4 sort  $5 … $6 id and creation of the row before  $7 limit
--
-- Planned for these very parameters, as the list of orders is.
select d.id,
       d.endpoint_id,
       d.event_id,
       d.event_type,
       d.subject,
       d.is_test,
       d.status as "status: DeliveryStatus",
       d.attempts,
       d.error,
       d.created_at,
       d.finished_at
from webhooks.deliveries d
where d.endpoint_id = $1
  and ($2::text is null or d.status = $2)
  and ($3::text is null or d.event_type = $3)
  and ($5::uuid is null or case $4::text
          when 'created_at' then (d.created_at, d.id) > ($6::timestamptz, $5)
          else (d.created_at, d.id) < ($6, $5)
      end)
order by case when $4 = 'created_at' then d.created_at end,
         case when $4 = '-created_at' then d.created_at end desc,
         case when $4 = 'created_at' then d.id end,
         case when $4 = '-created_at' then d.id end desc
limit $7
