-- Orders and their lines.

create schema orders;
grant usage on schema orders to portal_api, portal_worker, portal_admin;

create table orders.orders (
    id            uuid primary key,
    tenant_id     text not null,
    customer_id   uuid not null,
    status        text not null,
    -- ISO 4217; of all its lines
    currency      text not null constraint orders_currency_format check (currency ~ '^[A-Z]{3}$'),
    -- minor units of the currency; the sum of its lines
    total_amount  bigint not null constraint orders_total_not_negative check (total_amount >= 0),
    -- stays when a confirmed order is cancelled
    confirmed_at  timestamptz,
    cancelled_at  timestamptz,
    cancel_cause  text constraint orders_cancel_cause_known
        check (cancel_cause in ('requested', 'insufficient_stock', 'processing_failed')),
    cancel_reason text,
    -- what stock said against its lines: [{"sku", "reason", "available"}]
    cancel_lines  jsonb,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    -- also the sequence of its last event
    version       bigint not null constraint orders_version_positive check (version > 0),
    constraint orders_tenant_id_key unique (tenant_id, id),
    constraint orders_status_known check (status in ('pending', 'confirmed', 'cancelled')),
    constraint orders_confirmation_complete check (
        case status when 'pending' then confirmed_at is null when 'confirmed' then confirmed_at is not null else true end),
    constraint orders_cancellation_complete check (
        (status = 'cancelled') = (cancelled_at is not null) and (status = 'cancelled') = (cancel_cause is not null)
        and (status = 'cancelled') = (cancel_reason is not null) and (status = 'cancelled') = (cancel_lines is not null))
);
-- The keyset orders of the list, and that of one customer's orders. Those with a status are looked at row
-- by row, but for the few that are pending.
create index orders_created_at_idx on orders.orders (tenant_id, created_at, id);
create index orders_customer_id_idx on orders.orders (tenant_id, customer_id, created_at, id);
create index orders_pending_idx on orders.orders (tenant_id, created_at, id) where status = 'pending';

create table orders.lines (
    order_id     uuid not null,
    tenant_id    text not null,
    -- as ordered, from 1
    position     integer not null constraint lines_position_positive check (position > 0),
    sku          text not null constraint lines_sku_length check (length(sku) between 1 and 64),
    -- the product's name and the price of a piece, as they were when it was ordered
    name         text not null,
    price_amount bigint not null constraint lines_price_not_negative check (price_amount >= 0),
    quantity     bigint not null constraint lines_quantity_positive check (quantity > 0),
    total_amount bigint not null constraint lines_total_is_product check (total_amount = price_amount * quantity),
    constraint lines_pkey primary key (order_id, position),
    constraint lines_order_fkey foreign key (tenant_id, order_id) references orders.orders (tenant_id, id)
);

alter table orders.orders enable row level security;
alter table orders.lines enable row level security;
create policy tenant on orders.orders to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
create policy tenant on orders.lines to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
grant select, insert, update on orders.orders to portal_api, portal_worker;
-- lines never change
grant select, insert on orders.lines to portal_api, portal_worker;
