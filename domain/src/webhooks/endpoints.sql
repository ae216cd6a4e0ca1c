-- $1 state  $2 sort  $3 … $4 id and creation of the row before  $5 limit
--
-- Planned for these very parameters, as the list of orders is.
select e.id,
       e.url as "url: EndpointUrl",
       e.event_types,
       e.description as "description: Description",
       e.header_names,
       e.rate_limit as "rate_limit: RateLimit",
       e.disable_reason as "disable_reason: DisableReason",
       e.state_since,
       e.failing_since,
       e.created_at,
       e.updated_at,
       e.version
from webhooks.endpoints e
where e.state <> 'deleted'
  and ($1::text is null or e.state = $1)
  and ($3::uuid is null or case $2::text
          when 'created_at' then (e.created_at, e.id) > ($4::timestamptz, $3)
          else (e.created_at, e.id) < ($4, $3)
      end)
order by case when $2 = 'created_at' then e.created_at end,
         case when $2 = '-created_at' then e.created_at end desc,
         case when $2 = 'created_at' then e.id end,
         case when $2 = '-created_at' then e.id end desc
limit $5
