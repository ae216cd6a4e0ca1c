//! Endpoints and deliveries as callers see and write them.

mod input;
mod output;

pub(super) use input::{BulkOrder, DeliveryParameters, EndpointPatch, ListParameters, NewEndpoint, Rotation};
pub(super) use output::{BulkBody, DeliveryBody, DeliveryWithAttempts, EndpointBody, SecretBody};
