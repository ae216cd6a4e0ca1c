-- $1 status  $2 customer  $3 sort  $4 … $5 id and creation of the row before  $6 limit
--
-- Planned for these very parameters (a read transaction sets plan_cache_mode): what is null or of
-- another sort is gone before indexes are chosen, and one index walk in the order asked for is left.
select o.id,
       o.customer_id,
       o.currency as "currency: _",
       o.total_amount as "total: _",
       o.confirmed_at,
       o.cancelled_at,
       o.cancel_cause as "cancel_cause: _",
       o.cancel_reason as "cancel_reason: _",
       o.cancel_lines as "cancel_lines: _",
       o.created_at,
       o.updated_at,
       o.version
from orders.orders o
where ($1::text is null or o.status = $1)
  and ($2::uuid is null or o.customer_id = $2)
  and ($4::uuid is null or case $3::text
          when 'created_at' then (o.created_at, o.id) > ($5::timestamptz, $4)
          else (o.created_at, o.id) < ($5, $4)
      end)
order by case when $3 = 'created_at' then o.created_at end,
         case when $3 = '-created_at' then o.created_at end desc,
         case when $3 = 'created_at' then o.id end,
         case when $3 = '-created_at' then o.id end desc
limit $6
