-- Fewer indexes on what every job goes through. Each one costs a job as much as half of its row in
-- the history does, and these found nothing that another does not find as fast.

-- apalis' uniqueness of keys that none of our jobs has: only rows that have one are in it, so that
-- ours are neither inserted into it nor moved within it at each claim.
drop index apalis.idx_jobs_idempotency_key;
create unique index idx_jobs_idempotency_key on apalis.jobs (job_type, idempotency_key)
    where idempotency_key is not null;

-- Lists of a queue or of a kind: where it is frequent, the newest are soon found along the primary
-- key; where it is rare, the summaries rule out almost all blocks. They are made after the fact, block
-- range by block range, and cost an insert nothing.
drop index jobs.completed_queue_id_idx;
drop index jobs.completed_kind_id_idx;
create index completed_rare_idx on jobs.completed
    using brin (queue text_bloom_ops, kind text_bloom_ops) with (pages_per_range = 32, autosummarize = on);
