//! What stands in the description's examples. `make run` seeds these, so that every example works
//! as it stands.

use uuid::{Uuid, uuid};

/// The tenant that has the demo data.
pub const TENANT: &str = "demo";
/// An active customer, in [`CUSTOMER_GROUP`].
pub const CUSTOMER: Uuid = uuid!("01941f29-7c00-7000-8000-000000000001");
/// A suspended customer.
pub const SUSPENDED_CUSTOMER: Uuid = uuid!("01941f29-7c00-7000-8000-000000000002");
/// An active customer that other examples leave alone, to order for.
pub const ORDERING_CUSTOMER: Uuid = uuid!("01941f29-7c00-7000-8000-000000000003");
/// A customer group.
pub const CUSTOMER_GROUP: Uuid = uuid!("01941f29-7c00-7000-8000-000000000101");
/// An active product with at least one variant.
pub const PRODUCT: Uuid = uuid!("01941f29-7c00-7000-8000-000000000201");
/// A variant of [`PRODUCT`].
pub const VARIANT: Uuid = uuid!("01941f29-7c00-7000-8000-000000000301");
/// The SKU of a variant of an active product, of which there is stock.
pub const SKU: &str = "EMBER";
/// An order of [`ORDERING_CUSTOMER`] that can be cancelled.
pub const ORDER: Uuid = uuid!("01941f29-7c00-7000-8000-000000000501");
/// What the customer of [`ORDER`] is told when it is confirmed.
pub const NOTIFICATION: Uuid = uuid!("74d9d70e-31eb-8482-9f39-375e2d5548c6");

// `make run` has no webhooks: they would send something to somebody.
/// An enabled webhook endpoint.
pub const WEBHOOK_ENDPOINT: Uuid = uuid!("01941f29-7c00-7000-8000-000000000601");
/// Another one, to be deleted.
pub const WEBHOOK_ENDPOINT_TO_DELETE: Uuid = uuid!("01941f29-7c00-7000-8000-000000000602");
/// A delivery to [`WEBHOOK_ENDPOINT`] that has failed.
pub const WEBHOOK_DELIVERY: Uuid = uuid!("01941f29-7c00-7000-8000-000000000701");

/// A recovery of [`WEBHOOK_ENDPOINT`] that runs.
pub const WEBHOOK_BULK: Uuid = uuid!("01941f29-7c00-7000-8000-000000000801");

/// A job that waits for its time.
pub const JOB: Uuid = uuid!("01941f29-7c00-7000-8000-000000000401");
/// Another one, to be cancelled.
pub const JOB_TO_CANCEL: Uuid = uuid!("01941f29-7c00-7000-8000-000000000402");
/// A dead letter.
pub const DEAD_LETTER: Uuid = uuid!("01941f29-7c00-7000-8000-000000000403");
/// Another one, to be discarded.
pub const DEAD_LETTER_TO_DISCARD: Uuid = uuid!("01941f29-7c00-7000-8000-000000000404");

/// Another one, to be archived.
pub const DEAD_LETTER_TO_ARCHIVE: Uuid = uuid!("01941f29-7c00-7000-8000-000000000405");
/// One that is archived, to be restored.
pub const ARCHIVED_DEAD_LETTER: Uuid = uuid!("01941f29-7c00-7000-8000-000000000406");

/// Another one, to be edited.
pub const DEAD_LETTER_TO_EDIT: Uuid = uuid!("01941f29-7c00-7000-8000-000000000407");

/// The example of a path parameter.
pub(crate) fn of_parameter(method: &str, path: &str, name: &str) -> Option<String> {
    if name == "sku" {
        return Some(SKU.to_owned());
    }
    let word = match name {
        "event" => Some("order-confirmed"),
        "channel" => Some("email"),
        "language" => Some("en"),
        _ => None,
    };
    if path.starts_with("/v1/notifications/templates/") && word.is_some() {
        return word.map(str::to_owned);
    }
    let id = match name {
        "variantId" => Some(VARIANT),
        "aggregate" => Some(CUSTOMER),
        "id" if path.starts_with("/v1/audit/documents/") => Some(CUSTOMER),
        "id" if path == "/v1/customers/{id}/reinstate" => Some(SUSPENDED_CUSTOMER),
        "id" if path.starts_with("/v1/customers/") => Some(CUSTOMER),
        "id" if path.starts_with("/v1/customer-groups/") => Some(CUSTOMER_GROUP),
        "id" if path.starts_with("/v1/products/") => Some(PRODUCT),
        "id" if path.starts_with("/v1/notifications/") => Some(NOTIFICATION),
        "id" if path.starts_with("/v1/orders/") => Some(ORDER),
        "id" if path.starts_with("/v1/webhooks/bulks/") => Some(WEBHOOK_BULK),
        "id" if path.starts_with("/v1/webhooks/deliveries/") => Some(WEBHOOK_DELIVERY),
        "id" if path.starts_with("/v1/webhooks/") && method == "delete" => Some(WEBHOOK_ENDPOINT_TO_DELETE),
        "id" if path.starts_with("/v1/webhooks/") => Some(WEBHOOK_ENDPOINT),
        _ => None,
    };
    id.map(|id| id.to_string())
}

#[cfg(test)]
mod tests {
    use domain::notifications::{Notification, NotificationEvent};

    use super::*;

    #[test]
    fn the_notification_is_that_of_the_order() {
        assert_eq!(NOTIFICATION, Notification::id_of(ORDER, NotificationEvent::OrderConfirmed));
    }
}
