//! The rows that the description's examples speak of.

use api::examples::{
    CUSTOMER, CUSTOMER_GROUP, NOTIFICATION, ORDER, ORDERING_CUSTOMER, PRODUCT, SKU, SUSPENDED_CUSTOMER, TENANT, VARIANT,
};
use sqlx::PgPool;

/// Inserts them.
pub(crate) async fn seed(owner: &PgPool) {
    let statement = format!(
        "insert into customers.customer_groups (id, tenant_id, name, created_at)
             values ('{CUSTOMER_GROUP}', '{TENANT}', 'Wholesale', now());
         insert into customers.customers (id, tenant_id, name, email, status, suspend_reason, suspended_at, group_id,
                                          created_at, updated_at, version)
             values ('{CUSTOMER}', '{TENANT}', 'Ada Lovelace', 'ada@example.com', 'active', null, null,
                     '{CUSTOMER_GROUP}', now(), now(), 1),
                    ('{SUSPENDED_CUSTOMER}', '{TENANT}', 'Charles Babbage', 'charles@example.com', 'suspended', 'unpaid',
                     now(), null, now(), now(), 2),
                    ('{ORDERING_CUSTOMER}', '{TENANT}', 'Grace Murray', 'murray@example.com', 'active', null, null, null,
                     now(), now(), 1);
         insert into products.products (id, tenant_id, name, description, status, created_at, updated_at, version)
             values ('{PRODUCT}', '{TENANT}', 'Trail tent', 'For three seasons.', 'active', now(), now(), 1);
         insert into products.variants (id, tenant_id, product_id, sku, price_amount, currency, attributes, created_at,
                                        updated_at, version)
             values ('{VARIANT}', '{TENANT}', '{PRODUCT}', 'TENT-2P/GREEN', 19900, 'EUR', '{{}}', now(), now(), 1),
                    (gen_random_uuid(), '{TENANT}', '{PRODUCT}', '{SKU}', 5490, 'EUR', '{{}}', now(), now(), 1);
         insert into stock.items (id, tenant_id, sku, on_hand, reserved, created_at, updated_at, version)
             values (gen_random_uuid(), '{TENANT}', '{SKU}', 100, 0, now(), now(), 1);
         insert into orders.orders (id, tenant_id, customer_id, status, currency, total_amount, created_at, updated_at,
                                    version)
             values ('{ORDER}', '{TENANT}', '{ORDERING_CUSTOMER}', 'pending', 'EUR', 5490, now(), now(), 1);
         insert into orders.lines (order_id, tenant_id, position, sku, name, price_amount, quantity, total_amount)
             values ('{ORDER}', '{TENANT}', 1, '{SKU}', 'Gas stove', 5490, 1, 5490);
         insert into notifications.notifications (id, tenant_id, order_id, customer_id, event, channel, status, attempts,
                                                  used_fallback, created_at, job_id)
             values ('{NOTIFICATION}', '{TENANT}', '{ORDER}', '{ORDERING_CUSTOMER}', 'order-confirmed', 'email', 'queued', 0,
                     false, now(), '');
         insert into kernel.events (id, type, source, subject, occurred_at, module, aggregate_id, sequence, tenant_id,
                                    actor, correlation_id, causation_id, data, job_id)
             values (gen_random_uuid(), 'com.offgrid.portal.customers.customer-created',
                     'urn:offgrid:customers:outboxworker', 'customers/{CUSTOMER}', now(), 'customers', '{CUSTOMER}', 1,
                     '{TENANT}', 'seed', 'seed', 'seed', '{{\"customer\": {{\"name\": \"Ada Lovelace\"}}}}', '');
         insert into audit.documents (tenant_id, entity, id, version, document, changed_at)
             values ('{TENANT}', 'customers', '{CUSTOMER}', 1, '{{\"name\": \"Ada Lovelace\"}}', now());"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(owner).await.unwrap();
}
