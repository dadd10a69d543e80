//! The pure half of Redis: what identifies it and which prefixes of keys online tables need.

use litemap::LiteMap;
use provender_core::config::environment::redis_place;
use provender_core::model::{StoreIdentity, StoreSettings};
use provender_core::provider::{InfraObject, StoreSpec, UpdateKind, identity_of};
use provender_core::registry::OnlineTable;

/// Kind of the infrastructure objects: all keys that begin with `PROJECT:TABLE ID:`.
pub const REDIS_PREFIX: &str = "redis_prefix";

/// The pure half of Redis: one prefix for each online table.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisSpec;

impl StoreSpec for RedisSpec {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn identity(&self, settings: &StoreSettings) -> StoreIdentity {
        let mut identity = identity_of(settings, &["redis_type"]);
        // What is of another form was refused when the file was read.
        let place = settings.settings.get("connection_string").and_then(|text| redis_place(text));
        identity.settings.extend(place.map(|place| ("place".to_owned(), place)));
        identity
    }

    fn lower(&self, project: &str, table: &OnlineTable) -> Vec<InfraObject> {
        vec![InfraObject::of_table(REDIS_PREFIX, project, table, LiteMap::new())]
    }

    fn update_kind(&self, _: &InfraObject, _: &InfraObject) -> UpdateKind {
        UpdateKind::InPlace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_its_own_is_no_part_of_the_identity() {
        let pairs = [("connection_string", "h:1"), ("password", "canary"), ("redis_type", "redis_cluster")];
        let settings = StoreSettings {
            kind: "redis".to_owned(),
            settings: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let identity = RedisSpec.identity(&settings);
        assert_eq!(identity.settings[&"place".to_owned()], "h:1");
        assert!(!format!("{identity:?}").contains("canary"));
    }
}
