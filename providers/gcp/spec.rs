//! The pure half of Datastore: what identifies it and which kinds online tables need. A kind is made by its first row; an
//! entity that carries our mark stands for it, so that an empty one is seen too.

use litemap::LiteMap;
use provender_core::model::{StoreIdentity, StoreSettings};
use provender_core::provider::{InfraObject, StoreSpec, UpdateKind, identity_of};
use provender_core::registry::OnlineTable;

/// Kind of the infrastructure objects.
pub const DATASTORE_KIND: &str = "datastore_kind";

/// The pure half of Datastore: one kind for each online table.
#[derive(Clone, Copy, Debug, Default)]
pub struct DatastoreSpec;

impl StoreSpec for DatastoreSpec {
    fn name(&self) -> &'static str {
        "datastore"
    }

    fn identity(&self, settings: &StoreSettings) -> StoreIdentity {
        identity_of(settings, &["project_id", "database", "namespace"])
    }

    fn lower(&self, project: &str, table: &OnlineTable) -> Vec<InfraObject> {
        vec![InfraObject::of_table(DATASTORE_KIND, project, table, LiteMap::new())]
    }

    fn update_kind(&self, _: &InfraObject, _: &InfraObject) -> UpdateKind {
        UpdateKind::InPlace
    }
}

#[cfg(test)]
mod tests {
    use provender_core::model::Fingerprint;
    use serde_json::json;

    use super::*;

    /// A project and a table with the longest names that there can be.
    fn longest_table() -> (String, OnlineTable) {
        let name = "n".repeat(63);
        let table = serde_json::from_value(json!({
            "id": format!("{name}.r{}", u64::MAX),
            "view": format!("feature_view.{name}"),
            "store": { "type": "any" },
            "join_keys": [],
            "columns": [],
            "next_column_id": 0,
            "schema_id": 1,
            "source": Fingerprint::of_bytes(b""),
        }));
        (name, table.unwrap())
    }

    /// A kind has at most 1,500 bytes and does not begin and end with `__`: Datastore documentation, "Limits".
    #[test]
    fn the_longest_name_fits() {
        let (project, table) = longest_table();
        let name = DatastoreSpec.lower(&project, &table)[0].id.name.clone();
        assert!(name.len() <= 1500 && !name.starts_with("__"), "{name}");
    }

    #[test]
    fn identity_is_where_the_rows_are() {
        let pairs = [("project_id", "acme"), ("namespace", "${NAMESPACE}"), ("write_batch_size", "50")];
        let settings = StoreSettings {
            kind: "datastore".to_owned(),
            settings: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let identity = DatastoreSpec.identity(&settings);
        assert_eq!(identity.settings.keys().collect::<Vec<_>>(), ["namespace", "project_id"]);
        assert_eq!(identity.settings[&"namespace".to_owned()], "${NAMESPACE}");
    }
}
