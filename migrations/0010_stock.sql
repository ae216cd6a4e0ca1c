-- Stock: how many pieces there are of each SKU, how many of them orders have reserved, and what
-- became of each order's request.

create schema stock;
grant usage on schema stock to portal_api, portal_worker, portal_admin;

create table stock.items (
    id         uuid primary key,
    tenant_id  text not null,
    -- of a variant; made when stock of it is first received. Compared as bytes: the order in which rows are locked
    sku        text collate "C" not null constraint items_sku_length check (length(sku) between 1 and 64),
    on_hand    bigint not null,
    -- promised to orders that are not confirmed yet
    reserved   bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- one more with every change; 0 only inside the transaction that makes the row
    version    bigint not null constraint items_version_not_negative check (version >= 0),
    -- events of the item so far, the sequence of the last: what orders do to it is in events of their own
    events     bigint not null default 0 constraint items_events_not_negative check (events >= 0),
    constraint items_sku_key unique (tenant_id, sku),
    constraint items_never_below_zero check (reserved >= 0 and on_hand >= reserved)
);
-- every order changes its rows twice, and no index
alter table stock.items set (fillfactor = 70);

-- One row per order: the answer it got, and what it holds now. Made once, so that an order is never
-- answered twice, whatever is delivered again, sent again by an operator, or arrives late.
--   reserved    completed: the pieces are reserved
--   deducted    the order was confirmed: they are no longer on hand
--   released    cancelled before it was confirmed: no longer reserved
--   returned    cancelled after it was confirmed: on hand again
--   failed      it holds nothing; `lines` says why
--   withdrawn   cancelled before it was asked for: nothing was, or will be, reserved
create table stock.decisions (
    tenant_id  text not null,
    order_id   uuid not null,
    state      text not null constraint decisions_state_known
        check (state in ('reserved', 'deducted', 'released', 'returned', 'failed', 'withdrawn')),
    -- [{"sku", "quantity", "reason", "available"}]
    lines      jsonb not null constraint decisions_lines_array check (jsonb_typeof(lines) = 'array'),
    decided_at timestamptz not null,
    changed_at timestamptz not null,
    constraint decisions_pkey primary key (tenant_id, order_id)
);
alter table stock.decisions set (fillfactor = 85);

alter table stock.items enable row level security;
alter table stock.decisions enable row level security;
create policy tenant on stock.items to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
create policy tenant on stock.decisions to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
grant select, insert, update on stock.items, stock.decisions to portal_api, portal_worker;
