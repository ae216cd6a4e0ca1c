//! Arguments of the job that makes documents anew.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::job::Job;

use super::model::ENTITIES;

/// Make the documents of a tenant anew from the event log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RebuildDocuments {
    /// Only those of this entity; of all of them if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<Entity>,
}

/// What there are documents of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Entity {
    /// Of the module `customers`.
    Customers,
    /// Of the module `orders`.
    Orders,
    /// Of the module `products`.
    Products,
    /// Of the module `stock`.
    Stock,
    /// Of the module `webhooks`.
    Webhooks,
}

impl Job for RebuildDocuments {
    const KIND: &'static str = "rebuild-documents.v1";
    const QUEUE: &'static str = "maintenance";
}

impl Entity {
    /// The module.
    pub fn as_str(self) -> &'static str {
        let [customers, orders, products, stock, webhooks] = ENTITIES;
        match self {
            Self::Customers => customers,
            Self::Orders => orders,
            Self::Products => products,
            Self::Stock => stock,
            Self::Webhooks => webhooks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entity_is_written_as_its_module_is_called() {
        let all = [Entity::Customers, Entity::Orders, Entity::Products, Entity::Stock, Entity::Webhooks];
        for (entity, name) in all.iter().zip(ENTITIES) {
            assert_eq!(entity.as_str(), name);
            assert_eq!(serde_json::to_value(entity).unwrap(), name);
        }
    }
}
