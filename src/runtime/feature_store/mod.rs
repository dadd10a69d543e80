//! The façade that the command line, the server and later Python share: names and entities in, feature values out.
//!
//! It decides nothing about tables beyond which one serves (`docs/` on replacements), and never writes. `request` holds
//! what callers give, `response` what they get.

mod request;
mod response;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use provender_core::registry::{Registry, TableId};
use provender_core::time::Timestamp;

pub use request::{Entities, OnlineRequest, OnlineSelection};
pub use response::{FieldStatus, OnlineResponse, OnlineResult};

use crate::provider::Provider;
use crate::{Error, Result};

/// What was applied, as far as reads need it: one consistent state, never changed in place.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The registry's state.
    pub registry: Registry,
    /// Tables whose ledger says `complete`.
    pub complete: BTreeSet<TableId>,
}

/// Serves features of one project.
#[derive(Clone, Debug)]
pub struct FeatureStore {
    applied: Arc<Applied>,
    provider: Arc<dyn Provider>,
}

impl FeatureStore {
    /// A façade over a state of the registry and the stores of a provider.
    pub fn new(applied: Applied, provider: Arc<dyn Provider>) -> Self {
        Self { applied: Arc::new(applied), provider }
    }

    /// Values of features for entities, as stored now. `now` decides what is too old.
    ///
    /// # Errors
    /// `NotFound` for an unknown view, feature or service; `Invalid` for entities that do not fit.
    pub async fn get_online_features(
        &self,
        request: &OnlineRequest,
        now: Timestamp,
    ) -> Result<OnlineResponse> {
        let _ = (&self.applied, &self.provider, request, now, BTreeMap::<(), ()>::new());
        Err(Error::unavailable("online reads are not finished"))
    }
}
