-- Customers and customer groups.

create schema customers;
grant usage on schema customers to portal_api, portal_worker, portal_admin;

create table customers.customer_groups (
    id         uuid primary key,
    tenant_id  text not null,
    name       text not null constraint customer_groups_name_length check (length(name) between 1 and 100),
    created_at timestamptz not null,
    version    bigint not null default 1,
    constraint customer_groups_name_key unique (tenant_id, name),
    -- what customers refer to, so that a group of another tenant can never be assigned
    constraint customer_groups_tenant_id_key unique (tenant_id, id)
);

create table customers.customers (
    id             uuid primary key,
    tenant_id      text not null,
    name           text not null constraint customers_name_length check (length(name) between 1 and 200),
    -- stored lower case: two spellings are one mailbox to us
    email          text not null constraint customers_email_lower check (email = lower(email)),
    phone          text,
    status         text not null,
    suspend_reason text,
    suspended_at   timestamptz,
    group_id       uuid,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    -- also the sequence of its last event
    version        bigint not null constraint customers_version_positive check (version > 0),
    constraint customers_email_key unique (tenant_id, email),
    constraint customers_status_known check (status in ('active', 'suspended')),
    constraint customers_suspension_complete check (
        (status = 'suspended') = (suspended_at is not null) and (status = 'suspended') = (suspend_reason is not null)),
    constraint customers_group_fkey foreign key (tenant_id, group_id) references customers.customer_groups (tenant_id, id)
);
-- The keyset orders of the list, and that of one group's customers. The other filters, status and
-- text, are looked at row by row along the order asked for.
create index customers_created_at_idx on customers.customers (tenant_id, created_at, id);
create index customers_name_idx on customers.customers (tenant_id, name, id);
create index customers_group_id_idx on customers.customers (tenant_id, group_id, created_at, id) where group_id is not null;

alter table customers.customer_groups enable row level security;
alter table customers.customers enable row level security;
create policy tenant on customers.customer_groups to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
create policy tenant on customers.customers to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
grant select, insert, update on customers.customer_groups, customers.customers to portal_api, portal_worker;

-- The outbox messages of customers, one row per event, wherever its job is now.
--   event_type_id   the CloudEvents type;  event_type its last part
--   retry_count     retries so far, with the one that is scheduled: attempts after the first
--   next_retry_at   when a failed one is tried again
--   processed_at    when the broker confirmed it; never for one that an operator cancelled
-- `security_invoker`: the reader's own rights and row-level security decide what it shows.
create view customers.customer_outbox_message with (security_invoker = true) as
select e.id,
       e.type as event_type_id,
       regexp_replace(e.type, '^.*\.', '') as event_type,
       e.recorded_at as created_at,
       e.occurred_at,
       p.published_at as processed_at,
       greatest(coalesce(j.attempts, d.attempts - 1, p.attempt - 1), 0) as retry_count,
       case when j.status = 'Failed' then j.run_at end as next_retry_at,
       d.id is not null as is_deadletter
from kernel.events e
left join apalis.jobs j on j.id = e.job_id
left join jobs.publications p on p.job_id = e.job_id
left join jobs.dead_letters d on d.id = e.job_id
where e.module = 'customers';
grant select on customers.customer_outbox_message to portal_admin;
