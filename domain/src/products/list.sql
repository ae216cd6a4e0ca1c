-- $1 status  $2 text  $3 sort  $4 … $6 id, creation and name of the row before  $7 limit
--
-- Planned for these very parameters (a read transaction sets plan_cache_mode): what is null or of
-- another sort is gone before indexes are chosen, and one index walk in the order asked for is left.
select p.id,
       p.name as "name: ProductName",
       p.description as "description: Description",
       p.status,
       p.created_at,
       p.updated_at,
       p.version
from products.products p
where ($1::text is null or p.status = $1)
  and ($2::text is null or position(lower($2) in lower(p.name)) > 0
       or exists (select from products.variants v where v.product_id = p.id and position(lower($2) in lower(v.sku)) > 0))
  and ($4::uuid is null or case $3::text
          when 'created_at' then (p.created_at, p.id) > ($5::timestamptz, $4)
          when '-created_at' then (p.created_at, p.id) < ($5, $4)
          when 'name' then (p.name, p.id) > ($6::text, $4)
          else (p.name, p.id) < ($6, $4)
      end)
order by case when $3 = 'created_at' then p.created_at end,
         case when $3 = '-created_at' then p.created_at end desc,
         case when $3 = 'name' then p.name end,
         case when $3 = '-name' then p.name end desc,
         case when $3 in ('created_at', 'name') then p.id end,
         case when $3 in ('-created_at', '-name') then p.id end desc
limit $7
