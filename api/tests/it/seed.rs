//! The rows that the description's examples speak of.

use api::examples::{
    CUSTOMER, CUSTOMER_GROUP, NOTIFICATION, ORDER, ORDERING_CUSTOMER, PRODUCT, SKU, SUSPENDED_CUSTOMER, TENANT,
    VARIANT, WEBHOOK_BULK, WEBHOOK_DELIVERY, WEBHOOK_ENDPOINT, WEBHOOK_ENDPOINT_TO_DELETE,
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
         insert into webhooks.endpoints (id, tenant_id, url, event_types, description, header_names, headers, state,
                                         state_since, created_at, updated_at, version)
             values ('{WEBHOOK_ENDPOINT}', '{TENANT}', 'https://example.com/', '{{*}}', '', '{{}}', '{{}}', 'enabled', now(),
                     now(), now(), 1),
                    ('{WEBHOOK_ENDPOINT_TO_DELETE}', '{TENANT}', 'https://example.com/', '{{*}}', '', '{{}}', '{{}}', 'enabled',
                     now(), now(), now(), 1);
         insert into webhooks.secrets (id, tenant_id, endpoint_id, secret, created_at)
             values (gen_random_uuid(), '{TENANT}', '{WEBHOOK_ENDPOINT}', decode(repeat('07', 32), 'hex'), now());
         insert into webhooks.deliveries (id, tenant_id, endpoint_id, event_id, event_type, subject, job_id, is_test, status,
                                          attempts, error, created_at, finished_at)
             select '{WEBHOOK_DELIVERY}', '{TENANT}', '{WEBHOOK_ENDPOINT}', id::text, type, subject, '', false, 'failed', 1,
                    'it answered 500', now(), now() from kernel.events where tenant_id = '{TENANT}';
         insert into webhooks.bulks (id, tenant_id, endpoint_id, kind, since, state, last_position, created_by, created_at,
                                     changed_at)
             values ('{WEBHOOK_BULK}', '{TENANT}', '{WEBHOOK_ENDPOINT}', 'recover', now(), 'running', 0, 'ada', now(), now());
         insert into audit.documents (tenant_id, entity, id, version, document, changed_at)
             values ('{TENANT}', 'customers', '{CUSTOMER}', 1, '{{\"name\": \"Ada Lovelace\"}}', now());"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(owner).await.unwrap();
}
