-- $1 queue  $2 kind  $3 tenant  $4 reason  $5 by count, not by time; the last group of the page before:
-- $6 its count  $7 when it was last seen  $8 fingerprint; $9 limit  $10 subjects that are counted, of each group
--
-- Counted along dead_letters_groups_idx, which is in the order of both steps: nothing is sorted, and the table
-- itself is read for the groups of the page only. To count every subject would take three times as long.
with tenants as materialized (
    select d.fingerprint, d.tenant_id, count(*)::integer as jobs, min(d.died_at) as first_seen,
           max(d.died_at) as last_seen
    from jobs.dead_letters d
    where d.discarded_at is null and d.archived_at is null
      and ($1::text is null or d.queue = $1)
      and ($2::text is null or d.kind = $2)
      and ($3::text is null or d.tenant_id = $3)
      and ($4::text is null or d.reason = $4)
    group by d.fingerprint, d.tenant_id
),
groups as (
    select fingerprint, sum(jobs) as jobs, min(first_seen) as first_seen, max(last_seen) as last_seen,
           count(tenant_id) as tenants
    from tenants
    group by fingerprint
),
page as materialized (
    select *
    from groups g
    where $8::text is null
       or case when $5::boolean then (g.jobs, g.fingerprint) < ($6::bigint, $8)
               else (g.last_seen, g.fingerprint) < ($7::timestamptz, $8) end
    order by case when $5 then g.jobs end desc, case when not $5 then g.last_seen end desc, g.fingerprint desc
    limit $9
)
select p.fingerprint as "fingerprint!", p.jobs as "count!", p.first_seen as "first_seen!", p.last_seen as "last_seen!",
       p.tenants as "tenants!", s.id as "sample_id!",
       s.queue as "queue!", s.kind as "kind!", s.reason as "reason?: DeadReason", s.error_class as "error_class?",
       s.error as "error!",
       jobs.error_pattern(s.error) as "pattern!",
       array(select t.tenant_id from tenants t
             where t.fingerprint = p.fingerprint and t.tenant_id is not null
             order by t.jobs desc, t.tenant_id limit 5) as "first_tenants!",
       array(select d.subject
             from (select distinct d.tenant_id, d.subject from jobs.dead_letters d
                   where d.fingerprint = p.fingerprint and d.discarded_at is null and d.archived_at is null and d.subject is not null
                     and ($3::text is null or d.tenant_id = $3)
                     and ($4::text is null or d.reason = $4)
                   order by d.tenant_id, d.subject limit 5) d) as "first_subjects!",
       (select count(*)
        from (select distinct d.tenant_id, d.subject from jobs.dead_letters d
              where d.fingerprint = p.fingerprint and d.discarded_at is null and d.archived_at is null and d.subject is not null
                and ($3::text is null or d.tenant_id = $3)
                and ($4::text is null or d.reason = $4)
              limit $10) d) as "subjects!"
from page p
cross join lateral (
    select d.id, d.queue, d.kind, d.reason, d.error_class, d.error
    from jobs.dead_letters d
    where d.fingerprint = p.fingerprint and d.discarded_at is null and d.archived_at is null
      and ($3::text is null or d.tenant_id = $3)
      and ($4::text is null or d.reason = $4)
    order by d.id desc limit 1) s
order by case when $5 then p.jobs end desc, case when not $5 then p.last_seen end desc, p.fingerprint desc
