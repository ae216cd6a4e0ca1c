-- Hands back what a worker holds in a queue beside p_known: jobs of a claim whose answer it never got.
-- Ends its claims of earlier turns, in any queue: one that is under way comes to its end before, and
-- none comes after. The same holds for itself: late, it would hand back what was claimed since.
--
-- Null when it comes too late: another queue of the worker has a later turn already, and this one has to be asked
-- again with a new one. It was zero before, and the worker went on as if there was nothing to hand back: it
-- claimed later jobs of a key whose first one it held without knowing.
create or replace function jobs.release_unknown(p_queue text, p_worker text, p_known text[], p_turn bigint) returns bigint
    language plpgsql volatile
    set plan_cache_mode = force_custom_plan
as $$
declare
    released bigint;
begin
    perform jobs.lock_queue(p_queue);
    update jobs.workers set claims_from = p_turn where id = p_worker and claims_from < p_turn;
    if found then
        update apalis.jobs
        set lock_by = null, lock_at = null, alone = false,
            status = case when attempts > 0 then 'Failed' else 'Pending' end
        where lock_by = p_worker and job_type = p_queue and id <> all(p_known);
        get diagnostics released = row_count;
    elsif not exists (select from jobs.workers where id = p_worker) then
        -- forgotten: it holds nothing, and claims nothing any more
        released := 0;
    end if;
    return released;
end
$$;
