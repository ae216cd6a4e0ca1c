//! What a template can name.

use serde::Serialize;

use crate::orders::{LineSnapshot, OrderSnapshot, RefusedLine};

use super::model::{Contact, NotificationEvent};

/// What is known about an event, in the words of its templates.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    order: OrderFacts,
    customer: CustomerFacts,
}

#[derive(Debug, Clone, Serialize)]
struct CustomerFacts {
    name: String,
    email: String,
}

#[derive(Debug, Clone, Serialize)]
struct OrderFacts {
    id: String,
    /// ISO 4217.
    currency: String,
    /// As people write it: `109.80`.
    total: String,
    lines: Vec<LineFacts>,
    /// Only of an order that was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation: Option<CancellationFacts>,
}

#[derive(Debug, Clone, Serialize)]
struct LineFacts {
    sku: String,
    name: String,
    quantity: i64,
    price: String,
    total: String,
}

#[derive(Debug, Clone, Serialize)]
struct CancellationFacts {
    /// `requested`, `insufficient_stock` or `processing_failed`.
    cause: serde_json::Value,
    reason: String,
    /// Empty if it was not because of stock.
    lines: Vec<RefusedLine>,
}

impl Facts {
    /// About an order and its customer. `event` decides whether there is a cancellation: an order may
    /// have been confirmed and cancelled since.
    pub fn new(event: NotificationEvent, order: &OrderSnapshot, contact: &Contact) -> Self {
        let amount = |minor_units| amount(minor_units, &order.currency);
        let line = |line: &LineSnapshot| LineFacts {
            sku: line.sku.clone(),
            name: line.name.clone(),
            quantity: line.quantity,
            price: amount(line.price_amount),
            total: amount(line.total_amount),
        };
        let cancellation = order.cancellation.as_ref().filter(|_| event == NotificationEvent::OrderCancelled);
        let order = OrderFacts {
            id: order.id.to_string(),
            currency: order.currency.clone(),
            total: amount(order.total_amount),
            lines: order.lines.iter().map(line).collect(),
            cancellation: cancellation.map(|cancellation| CancellationFacts {
                cause: serde_json::to_value(cancellation.cause).unwrap_or_default(),
                reason: cancellation.reason.clone(),
                lines: cancellation.lines.clone(),
            }),
        };
        let customer =
            CustomerFacts { name: contact.name.as_str().to_owned(), email: contact.email.as_str().to_owned() };
        Self { order, customer }
    }

    /// An example, in which every name stands for something and no list is empty.
    pub(super) fn sample(event: NotificationEvent) -> Self {
        let line = |sku: &str, name: &str, quantity: i64, price: &str, total: &str| LineFacts {
            sku: sku.to_owned(),
            name: name.to_owned(),
            quantity,
            price: price.to_owned(),
            total: total.to_owned(),
        };
        let cancellation = CancellationFacts {
            cause: "insufficient_stock".into(),
            reason: "not enough in stock of EMBER".to_owned(),
            lines: vec![RefusedLine {
                sku: "EMBER".to_owned(),
                reason: crate::stock::LineReason::InsufficientStock,
                available: Some(1),
            }],
        };
        let order = OrderFacts {
            id: "01941f29-7c00-7000-8000-000000000501".to_owned(),
            currency: "EUR".to_owned(),
            total: "308.80".to_owned(),
            lines: vec![
                line("EMBER", "Gas stove Ember", 2, "54.90", "109.80"),
                line("TARN-2P/GREEN", "Trail tent Tarn", 1, "199.00", "199.00"),
            ],
            cancellation: (event == NotificationEvent::OrderCancelled).then_some(cancellation),
        };
        let customer = CustomerFacts { name: "Ada Lovelace".to_owned(), email: "ada@example.com".to_owned() };
        Self { order, customer }
    }

    /// Whether there is something under `path`, `order.total`. What stands in a list is not looked at.
    pub(super) fn knows(&self, path: &str) -> bool {
        let facts = serde_json::to_value(self).unwrap_or_default();
        let mut at = Some(&facts);
        for name in path.split('.') {
            at = match at {
                Some(serde_json::Value::Object(fields)) => fields.get(name),
                _ => None,
            };
        }
        at.is_some()
    }
}

/// Minor units of a currency as people write them.
fn amount(minor_units: i64, currency: &str) -> String {
    let decimals = match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => return minor_units.to_string(),
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    let unit = 10_i64.pow(decimals);
    format!("{}.{:0width$}", minor_units / unit, minor_units % unit, width = decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_decimals_of_its_currency() {
        assert_eq!(amount(10_980, "EUR"), "109.80");
        assert_eq!(amount(5, "EUR"), "0.05");
        assert_eq!(amount(1_500, "JPY"), "1500");
        assert_eq!(amount(1_005, "KWD"), "1.005");
    }

    #[test]
    fn only_what_was_cancelled_has_a_cancellation() {
        assert!(Facts::sample(NotificationEvent::OrderCancelled).knows("order.cancellation.reason"));
        assert!(!Facts::sample(NotificationEvent::OrderConfirmed).knows("order.cancellation"));
        assert!(!Facts::sample(NotificationEvent::OrderConfirmed).knows("order.totl"));
    }
}
