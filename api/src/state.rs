//! What handlers work with. Extract the part that is needed: `State<Db>`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::FromRef;
use domain::Db;
use domain::webhooks::Targets;
use tokio::sync::watch;

use crate::auth::Authenticator;
use crate::health::{BrokerState, Checks};
use crate::settings::Settings;

/// Everything the API needs to answer. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// Connected as `portal_api`.
    pub db: Db,
    /// Checks tokens.
    pub auth: Arc<Authenticator>,
    /// What the bus says about its broker; shown by readiness, never awaited.
    pub broker: watch::Receiver<BrokerState>,
    /// Limits.
    pub settings: Settings,
}

impl FromRef<State> for Db {
    fn from_ref(state: &State) -> Self {
        state.db.clone()
    }
}

impl FromRef<State> for Arc<Authenticator> {
    fn from_ref(state: &State) -> Self {
        state.auth.clone()
    }
}

impl FromRef<State> for Targets {
    fn from_ref(state: &State) -> Self {
        state.settings.webhook_targets
    }
}

impl FromRef<State> for Checks {
    fn from_ref(state: &State) -> Self {
        Self {
            db: state.db.clone(),
            broker: state.broker.clone(),
            at_broker: Arc::new(BTreeMap::new),
            identity_provider: Some(state.auth.clone()),
            timeout: state.settings.readiness_timeout,
        }
    }
}
