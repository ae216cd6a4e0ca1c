insert into kernel.idempotency_keys as k (tenant_id, actor, route, key, fingerprint)
values ($1, $2, $3, $4, $5)
on conflict (tenant_id, actor, route, key) do update
    set fingerprint = excluded.fingerprint, status = null, headers = null, body = null, created_at = now()
    where k.created_at < now() - $6::integer * interval '1 hour'
