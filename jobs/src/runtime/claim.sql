select id as "id!", coalesce(kind, job_type) as "kind!", job as "payload!", attempts as "attempts!",
       max_attempts as "max_attempts!", claims as "claims!", seq as "seq!", coalesce(priority, 0) as "priority!",
       ordering_key, tenant_id, correlation_id, traceparent, suspect as "suspect!", crashes as "crashes!",
       extract(epoch from now() - greatest(run_at, created_at))::double precision as "waited!"
from jobs.claim($1, $2, $3, $4, $5)
