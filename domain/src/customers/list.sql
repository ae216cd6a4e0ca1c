-- $1 status  $2 group  $3 text  $4 sort  $5 … $7 id, creation and name of the row before  $8 limit
--
-- Planned for these very parameters (a read transaction sets plan_cache_mode): what is null or of
-- another sort is gone before indexes are chosen, and one index walk in the order asked for is left.
select c.id,
       c.name as "name: Name",
       c.email as "email: Email",
       c.phone as "phone: Phone",
       c.suspend_reason as "suspend_reason: Reason",
       c.suspended_at,
       c.group_id,
       c.created_at,
       c.updated_at,
       c.version
from customers.customers c
where ($1::text is null or c.status = $1)
  and ($2::uuid is null or c.group_id = $2)
  and ($3::text is null or position(lower($3) in lower(c.name)) > 0 or position(lower($3) in c.email) > 0)
  and ($5::uuid is null or case $4::text
          when 'created_at' then (c.created_at, c.id) > ($6::timestamptz, $5)
          when '-created_at' then (c.created_at, c.id) < ($6, $5)
          when 'name' then (c.name, c.id) > ($7::text, $5)
          else (c.name, c.id) < ($7, $5)
      end)
order by case when $4 = 'created_at' then c.created_at end,
         case when $4 = '-created_at' then c.created_at end desc,
         case when $4 = 'name' then c.name end,
         case when $4 = '-name' then c.name end desc,
         case when $4 in ('created_at', 'name') then c.id end,
         case when $4 in ('-created_at', '-name') then c.id end desc
limit $8
