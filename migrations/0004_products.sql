-- Products and their variants.

create schema products;
grant usage on schema products to portal_api, portal_worker, portal_admin;

create table products.products (
    id          uuid primary key,
    tenant_id   text not null,
    name        text not null constraint products_name_length check (length(name) between 1 and 200),
    description text not null constraint products_description_length check (length(description) <= 10000),
    status      text not null constraint products_status_known check (status in ('active', 'archived')),
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    -- also the sequence of its last event
    version     bigint not null constraint products_version_positive check (version > 0),
    constraint products_tenant_id_key unique (tenant_id, id)
);
-- the keyset orders of the list
create index products_created_at_idx on products.products (tenant_id, created_at, id);
create index products_name_idx on products.products (tenant_id, name, id);

create table products.variants (
    id           uuid primary key,
    tenant_id    text not null,
    product_id   uuid not null,
    sku          text not null constraint variants_sku_length check (length(sku) between 1 and 64),
    -- minor units of the currency: 1999 EUR is € 19.99
    price_amount bigint not null constraint variants_price_not_negative check (price_amount >= 0),
    -- ISO 4217
    currency     text not null constraint variants_currency_format check (currency ~ '^[A-Z]{3}$'),
    attributes   jsonb not null constraint variants_attributes_object check (jsonb_typeof(attributes) = 'object'),
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    version      bigint not null,
    constraint variants_sku_key unique (tenant_id, sku),
    constraint variants_product_fkey foreign key (tenant_id, product_id) references products.products (tenant_id, id)
);
create index variants_product_id_idx on products.variants (tenant_id, product_id, sku);

alter table products.products enable row level security;
alter table products.variants enable row level security;
create policy tenant on products.products to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
create policy tenant on products.variants to portal_api, portal_worker
    using (tenant_id = kernel.current_tenant()) with check (tenant_id = kernel.current_tenant());
grant select, insert, update, delete on products.products, products.variants to portal_api, portal_worker;
