//! The pure half of the embedded store: what identifies it and which infrastructure online tables need. No file is
//! touched here; `provider` does that.

use litemap::LiteMap;
use provender_core::model::{StoreIdentity, StoreSettings};
use provender_core::provider::{InfraObject, StoreSpec, UpdateKind};
use provender_core::registry::OnlineTable;
use serde_json::{Value as Json, json};

/// Kind of the infrastructure objects: a key range in the project's environment.
pub const EMBEDDED_TABLE: &str = "embedded_table";

/// Where the environment lies when `online_store.path` is not set; beside `feature_store.yaml`.
pub const DEFAULT_ONLINE_PATH: &str = "data/online";

/// The pure half of the embedded online store.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmbeddedSpec;

impl StoreSpec for EmbeddedSpec {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn identity(&self, settings: &StoreSettings) -> StoreIdentity {
        let path = settings.settings.get("path").map_or(DEFAULT_ONLINE_PATH, String::as_str);
        StoreIdentity {
            kind: self.name().to_owned(),
            settings: LiteMap::from_iter([("path".to_owned(), path.to_owned())]),
        }
    }

    /// One object. Its only attribute is the join keys, which no table ever changes: columns live in row schemas, so adding a
    /// feature or editing a tag touches no infrastructure.
    fn lower(&self, project: &str, table: &OnlineTable) -> Vec<InfraObject> {
        vec![InfraObject::of_table(
            EMBEDDED_TABLE,
            project,
            table,
            LiteMap::from_iter([("join_keys".to_owned(), join_keys(table))]),
        )]
    }

    fn update_kind(&self, from: &InfraObject, to: &InfraObject) -> UpdateKind {
        if from.attributes.get("join_keys") == to.attributes.get("join_keys") {
            UpdateKind::InPlace
        } else {
            UpdateKind::Replace { because: vec!["join_keys".to_owned()] }
        }
    }
}

fn join_keys(table: &OnlineTable) -> Json {
    table
        .join_keys
        .iter()
        .map(|key| json!({ "name": key.name, "type": key.value_type.to_string() }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_the_path_as_written_and_never_another_setting() {
        let settings = |pairs: &[(&str, &str)]| StoreSettings {
            kind: "embedded".to_owned(),
            settings: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let path =
            |settings: &StoreSettings| EmbeddedSpec.identity(settings).settings[&"path".to_owned()].clone();
        assert_eq!(path(&settings(&[])), "data/online");
        assert_eq!(path(&settings(&[("path", "${DIR}/x"), ("map_size", "1 GiB")])), "${DIR}/x");
        assert_eq!(
            EmbeddedSpec.identity(&settings(&[("map_size", "7")])),
            EmbeddedSpec.identity(&settings(&[]))
        );
    }
}
