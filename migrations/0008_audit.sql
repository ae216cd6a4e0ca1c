-- What every entity looks like now, kept up to date by the event processor: a list of documents
-- needs no look through the event log. The log stays the truth: a document can be made anew from it.
create schema audit;
grant usage on schema audit to portal_api, portal_admin, portal_worker;

create table audit.documents (
    tenant_id  text not null,
    -- the module: customers, products
    entity     text not null,
    id         uuid not null,
    -- the sequence of the last event in it
    version    bigint not null constraint documents_version_positive check (version > 0),
    document   jsonb not null,
    changed_at timestamptz not null,
    constraint documents_pkey primary key (tenant_id, entity, id)
);
create index documents_changed_at_idx on audit.documents (tenant_id, entity, changed_at, id);

alter table audit.documents enable row level security;
create policy tenant on audit.documents to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant())
    with check (tenant_id = kernel.current_tenant());
create policy everything on audit.documents for select to portal_admin using (true);
grant select on audit.documents to portal_api, portal_admin;
grant select, insert, update on audit.documents to portal_worker;
