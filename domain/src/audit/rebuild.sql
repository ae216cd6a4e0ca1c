-- $1 positions beyond this one  $2 up to this one  $3 entity; null: all  $4 tenant  $5 now
--
-- The last event of each aggregate in the window. Its document is the member with the entity's name in the singular.
with latest as (
    select distinct on (e.module, e.aggregate_id)
           e.module, e.aggregate_id, e.sequence, e.data -> regexp_replace(e.module, 's$', '') as document
    from kernel.events e
    where e.position > $1 and e.position <= $2 and ($3::text is null or e.module = $3)
    order by e.module, e.aggregate_id, e.sequence desc
)
insert into audit.documents as d (tenant_id, entity, id, version, document, changed_at)
select $4, module, aggregate_id, sequence, document, $5
from latest where document is not null
on conflict (tenant_id, entity, id) do update
    set version = excluded.version, document = excluded.document, changed_at = excluded.changed_at
    where d.version < excluded.version or (d.version = excluded.version and d.document <> excluded.document)
