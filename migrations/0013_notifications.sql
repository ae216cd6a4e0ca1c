-- Notifications: what customers are told about their orders, and the templates of it.

create schema notifications;
grant usage on schema notifications to portal_api, portal_worker, portal_admin;

-- A tenant's own templates. Where it has none, that of the program holds; that is version 1, so the
-- first edit of it is version 2. An edit is a new row: what was sent can be read again later.
create table notifications.templates (
    tenant_id  text not null,
    event      text not null constraint templates_event_known check (event in ('order-confirmed', 'order-cancelled')),
    channel    text not null constraint templates_channel_known check (channel in ('email')),
    -- as in BCP 47: en, pt-BR
    language   text not null constraint templates_language_format check (language ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    version    bigint not null constraint templates_version_positive check (version > 0),
    subject    text not null constraint templates_subject_length check (length(subject) between 1 and 500),
    body       text not null constraint templates_body_length check (length(body) between 1 and 10000),
    created_at timestamptz not null,
    created_by text not null,
    constraint templates_pkey primary key (tenant_id, event, channel, language, version)
);

-- One row per order and event, however often the event arrives.
create table notifications.notifications (
    -- made from order and event
    id               uuid primary key,
    tenant_id        text not null,
    order_id         uuid not null,
    customer_id      uuid not null,
    -- the job that sends it
    job_id           text collate "C" not null,
    event            text not null constraint notifications_event_known check (event in ('order-confirmed', 'order-cancelled')),
    channel          text not null constraint notifications_channel_known check (channel in ('email')),
    status           text not null constraint notifications_status_known
        check (status in ('queued', 'sent', 'logged', 'failed')),
    attempts         integer not null constraint notifications_attempts_not_negative check (attempts >= 0),
    -- what was sent to whom; null until it was
    recipient        text,
    language         text,
    template_version bigint,
    subject          text,
    -- the customer's data came from the fallback, because its source did not answer
    used_fallback    boolean not null,
    -- of the last attempt that failed
    error            text,
    created_at       timestamptz not null,
    -- when it was sent, logged, or given up
    finished_at      timestamptz,
    constraint notifications_order_event_key unique (tenant_id, order_id, event),
    constraint notifications_end_complete check ((status = 'queued') = (finished_at is null)),
    constraint notifications_failure_explained check (status <> 'failed' or error is not null),
    constraint notifications_delivery_complete check (
        status not in ('sent', 'logged') or (recipient is not null and language is not null
            and template_version is not null and subject is not null))
);
-- The keyset orders of the list. Those with a status are looked at row by row, but for the few that are not done.
create index notifications_created_at_idx on notifications.notifications (tenant_id, created_at, id);
create index notifications_open_idx on notifications.notifications (tenant_id, status, created_at, id)
    where status in ('queued', 'failed');
-- every one is changed twice
alter table notifications.notifications set (fillfactor = 70);

alter table notifications.templates enable row level security;
alter table notifications.notifications enable row level security;
create policy tenant on notifications.templates to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
create policy tenant on notifications.notifications to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
-- what became of an order, whoever's it is
create policy everything on notifications.notifications for select to portal_admin using (true);
-- templates are never changed; only workers notify
grant select, insert on notifications.templates to portal_api;
grant select on notifications.templates to portal_worker;
grant select on notifications.notifications to portal_api, portal_admin;
grant select, insert, update on notifications.notifications to portal_worker;
