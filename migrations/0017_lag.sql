-- How far each queue is behind: the age of the job that has waited longest in it, those behind a failing one
-- included, and those under way not. One look into the index of what is ready for each queue.
--
-- With the owner's rights: whoever checks an API's readiness may know that a queue is behind, and nothing of
-- the tenants whose jobs are in it.
create function jobs.lag() returns table (queue text, seconds double precision)
    language sql stable security definer
    -- pg_temp last: it would otherwise come first, and the caller may put anything there
    set search_path = pg_catalog, pg_temp
as $$
    select q.name, coalesce(extract(epoch from now() - o.created_at), 0)::double precision
    from jobs.queues q
    left join lateral (
        select j.created_at from apalis.jobs j
        where j.job_type = q.name and j.lock_by is null and not j.deferred and not j.suspect
        order by j.priority desc, j.seq
        limit 1) o on true
    order by q.name
$$;
revoke execute on function jobs.lag() from public;
grant execute on function jobs.lag() to portal_api, portal_worker;
