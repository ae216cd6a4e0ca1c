-- $1 queue  $2 kind  $3 tenant  $4 by count, not by time; the last group of the page before: $5 its count
-- $6 when it was last seen  $7 fingerprint; $8 limit  $9 jobs that are looked at, the newest
-- $10 subjects that are counted, of each group
--
-- One look-up per job for its newest failure; texts are fetched for the groups of the page only.
with failures as materialized (
    select j.id, j.tenant_id, j.subject, a.fingerprint, a.ended_at
    from (select j.id, j.tenant_id, j.subject
          from apalis.jobs j
          where (j.attempts > 0 or j.crashes > 0)
            and ($1::text is null or j.job_type = $1)
            and ($2::text is null or coalesce(j.kind, j.job_type) = $2)
            and ($3::text is null or j.tenant_id = $3)
          order by j.id desc limit $9) j
    cross join lateral (
        select a.fingerprint, a.ended_at
        from jobs.attempts a
        where a.job_id = j.id and a.fingerprint is not null
        order by a.position desc limit 1) a
),
tenants as materialized (
    select fingerprint, tenant_id, count(*)::integer as jobs, min(ended_at) as first_seen, max(ended_at) as last_seen,
           max(id) as newest
    from failures
    group by fingerprint, tenant_id
),
groups as (
    select fingerprint, sum(jobs) as jobs, min(first_seen) as first_seen, max(last_seen) as last_seen,
           max(newest) as newest, count(tenant_id) as tenants
    from tenants
    group by fingerprint
),
page as materialized (
    select *
    from groups g
    where $7::text is null
       or case when $4::boolean then (g.jobs, g.fingerprint) < ($5::bigint, $7)
               else (g.last_seen, g.fingerprint) < ($6::timestamptz, $7) end
    order by case when $4 then g.jobs end desc, case when not $4 then g.last_seen end desc, g.fingerprint desc
    limit $8
),
subjects as materialized (
    select fingerprint, count(*) as counted, (array_agg(subject order by tenant_id, subject) filter (where place <= 5)) as first
    from (select f.fingerprint, f.tenant_id, f.subject,
                 row_number() over (partition by f.fingerprint order by f.tenant_id, f.subject) as place
          from failures f
          where f.subject is not null and f.fingerprint in (select p.fingerprint from page p)
          group by f.fingerprint, f.tenant_id, f.subject) d
    group by fingerprint
)
select p.fingerprint as "fingerprint!", p.jobs as "count!", p.first_seen as "first_seen!", p.last_seen as "last_seen!",
       p.tenants as "tenants!", p.newest as "sample_id!",
       j.job_type as "queue!", coalesce(j.kind, j.job_type) as "kind!", null::text as "reason?: DeadReason",
       s.error_class as "error_class?", s.error as "error!", jobs.error_pattern(s.error) as "pattern!",
       array(select t.tenant_id from tenants t
             where t.fingerprint = p.fingerprint and t.tenant_id is not null
             order by t.jobs desc, t.tenant_id limit 5) as "first_tenants!",
       coalesce(d.first, '{}') as "first_subjects!", least(coalesce(d.counted, 0), $10::bigint) as "subjects!"
from page p
join apalis.jobs j on j.id = p.newest
cross join lateral (
    select a.error_class, a.error
    from jobs.attempts a
    where a.job_id = p.newest and a.fingerprint is not null
    order by a.position desc limit 1) s
left join subjects d on d.fingerprint = p.fingerprint
order by case when $4 then p.jobs end desc, case when not $4 then p.last_seen end desc, p.fingerprint desc
