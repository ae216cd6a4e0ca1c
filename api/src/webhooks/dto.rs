//! Endpoints and deliveries as callers see and write them.

mod input;
mod output;

pub(super) use input::{DeliveryParameters, EndpointPatch, ListParameters, NewEndpoint, Rotation};
pub(super) use output::{DeliveryBody, DeliveryWithAttempts, EndpointBody, SecretBody};
