-- $1 order  $2 status  $3 sort  $4 … $5 id and creation of the row before  $6 limit
--
-- Planned for these very parameters, as the list of orders is.
select n.id,
       n.order_id,
       n.customer_id,
       n.event as "event: _",
       n.channel as "channel: _",
       n.status as "status: _",
       n.attempts,
       n.recipient,
       n.language as "language: _",
       n.template_version,
       n.subject,
       n.used_fallback,
       n.error,
       n.created_at,
       n.finished_at
from notifications.notifications n
where ($1::uuid is null or n.order_id = $1)
  and ($2::text is null or n.status = $2)
  and ($4::uuid is null or case $3::text
          when 'created_at' then (n.created_at, n.id) > ($5::timestamptz, $4)
          else (n.created_at, n.id) < ($5, $4)
      end)
order by case when $3 = 'created_at' then n.created_at end,
         case when $3 = '-created_at' then n.created_at end desc,
         case when $3 = 'created_at' then n.id end,
         case when $3 = '-created_at' then n.id end desc
limit $6
