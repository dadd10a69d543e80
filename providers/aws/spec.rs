//! The pure half of DynamoDB: what identifies it and which tables online tables need.

use std::collections::BTreeMap;

use litemap::LiteMap;
use provender_core::model::{StoreIdentity, StoreSettings};
use provender_core::provider::{InfraObject, StoreSpec, UpdateKind, identity_of};
use provender_core::registry::OnlineTable;
use serde_json::{Value as Json, json};

/// Kind of the infrastructure objects.
pub const DYNAMODB_TABLE: &str = "dynamodb_table";

/// Attributes that a table is born with.
const FIXED: [&str; 1] = ["hash_key"];

/// The pure half of a project's DynamoDB: one table for each online table, with the settings of `online_store`.
#[derive(Clone, Debug)]
pub struct DynamoDbSpec {
    settings: BTreeMap<String, String>,
}

impl DynamoDbSpec {
    /// With these settings, as written.
    pub fn new(settings: &StoreSettings) -> Self {
        Self { settings: settings.settings.clone() }
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.settings.get(name).map_or_else(|| default.to_owned(), Clone::clone)
    }

    /// Everything of a table that a plan shows. Rows are bytes under one binary key; `expires_at` is an epoch second after
    /// which DynamoDB may delete a row.
    fn attributes(&self, project: &str) -> LiteMap<String, Json> {
        let billing = self.text("billing_mode", "PAY_PER_REQUEST").to_uppercase();
        let mut attributes = LiteMap::from_iter([
            ("hash_key".to_owned(), json!({ "name": "entity_key", "type": "B" })),
            ("billing_mode".to_owned(), json!(billing)),
            ("table_class".to_owned(), json!(self.text("table_class", "STANDARD").to_uppercase())),
            ("ttl_attribute".to_owned(), json!("expires_at")),
            (
                "point_in_time_recovery".to_owned(),
                json!(self.text("point_in_time_recovery", "false") == "true"),
            ),
            ("tags".to_owned(), json!(self.tags(project))),
        ]);
        if billing == "PROVISIONED" {
            for capacity in ["read_capacity", "write_capacity"] {
                let units: u64 = self.text(capacity, "5").parse().unwrap_or(5);
                attributes.insert(capacity.to_owned(), json!(units));
            }
        }
        attributes
    }

    /// Our mark, and the tags of feature_store.yaml; those of definitions never reach infrastructure.
    fn tags(&self, project: &str) -> BTreeMap<String, String> {
        let own = self
            .settings
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("tags.")?.to_owned(), value.clone())));
        own.chain([("provender:project".to_owned(), project.to_owned())]).collect()
    }
}

impl StoreSpec for DynamoDbSpec {
    fn name(&self) -> &'static str {
        "dynamodb"
    }

    fn identity(&self, settings: &StoreSettings) -> StoreIdentity {
        identity_of(settings, &["region", "endpoint_url"])
    }

    fn lower(&self, project: &str, table: &OnlineTable) -> Vec<InfraObject> {
        vec![InfraObject::of_table(DYNAMODB_TABLE, project, table, self.attributes(project))]
    }

    fn update_kind(&self, from: &InfraObject, to: &InfraObject) -> UpdateKind {
        let because: Vec<String> = FIXED
            .into_iter()
            .filter(|name| from.attributes.get(*name) != to.attributes.get(*name))
            .map(str::to_owned)
            .collect();
        if because.is_empty() { UpdateKind::InPlace } else { UpdateKind::Replace { because } }
    }
}

#[cfg(test)]
mod tests {
    use provender_core::model::{Fingerprint, Objects, Project};
    use provender_core::plan::{Action, Plan, PlanInput, plan};
    use provender_core::registry::{AppliedEnvironment, Registry};

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

    fn settings(pairs: &[(&str, &str)]) -> StoreSettings {
        StoreSettings {
            kind: "dynamodb".to_owned(),
            settings: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn a_table_is_given_in_full() {
        let settings = settings(&[
            ("region", "eu-west-1"),
            ("billing_mode", "provisioned"),
            ("write_capacity", "20"),
            ("tags.team", "ranking"),
        ]);
        let (project, table) = longest_table();
        let [object] = &DynamoDbSpec::new(&settings).lower(&project, &table)[..] else { panic!("one") };
        let attribute = |name: &str| object.attributes.get(name).cloned().unwrap_or_default();
        assert_eq!(attribute("hash_key"), json!({ "name": "entity_key", "type": "B" }));
        assert_eq!(attribute("billing_mode"), "PROVISIONED");
        assert_eq!((attribute("read_capacity"), attribute("write_capacity")), (json!(5), json!(20)));
        assert_eq!(attribute("tags"), json!({ "provender:project": project, "team": "ranking" }));
        assert!(!object.attributes.values().any(|value| value.to_string().contains("eu-west-1")));
    }

    /// Names have 3 to 255 letters, digits, `_`, `-` and `.`: Amazon DynamoDB Developer Guide, "Naming rules".
    #[test]
    fn the_longest_name_fits() {
        let (project, table) = longest_table();
        let name = DynamoDbSpec::new(&settings(&[])).lower(&project, &table)[0].id.name.clone();
        assert!((3..=255).contains(&name.len()), "{}", name.len());
        assert!(name.chars().all(|one| one.is_ascii_alphanumeric() || "_-.".contains(one)), "{name}");
    }

    #[test]
    fn only_another_key_makes_another_table() {
        let (project, table) = longest_table();
        let of =
            |pairs: &[(&str, &str)]| DynamoDbSpec::new(&settings(pairs)).lower(&project, &table)[0].clone();
        let (plain, other) =
            (of(&[]), of(&[("billing_mode", "PROVISIONED"), ("tags.a", "b"), ("table_class", "x")]));
        assert_ne!(plain.attributes, other.attributes);
        assert_eq!(DynamoDbSpec::new(&settings(&[])).update_kind(&plain, &other), UpdateKind::InPlace);
        let mut keyed = plain.clone();
        keyed.attributes.insert("hash_key".to_owned(), json!({ "name": "entity_key", "type": "S" }));
        let because = vec!["hash_key".to_owned()];
        assert_eq!(
            DynamoDbSpec::new(&settings(&[])).update_kind(&plain, &keyed),
            UpdateKind::Replace { because }
        );
    }

    #[test]
    fn identity_is_where_the_tables_are() {
        let settings = settings(&[("region", "${REGION}"), ("billing_mode", "PROVISIONED"), ("tags.a", "b")]);
        let identity = DynamoDbSpec::new(&settings).identity(&settings);
        assert_eq!(identity.settings, LiteMap::from_iter([("region".to_owned(), "${REGION}".to_owned())]));
    }

    /// The plan of one view on a table with this description, in this environment, over what was applied.
    fn planned(description: &str, pairs: &[(&str, &str)], prior: &Registry) -> Plan {
        let settings = settings(pairs);
        let spec = DynamoDbSpec::new(&settings);
        let objects: Objects = serde_json::from_value(json!({
            "entity.driver": { "kind": "entity", "join_key": "driver", "value_type": "int64", "owner": description },
            "data_source.rows": { "kind": "data_source", "source_kind": "redshift", "table": "rows", "timestamp_field": "at" },
            "feature_view.stats": {
                "kind": "feature_view", "entities": ["driver"], "source": "rows", "description": description,
                "tags": { "team": description }, "features": [{ "name": "rate", "type": "float32" }],
            },
        }))
        .unwrap();
        let environment = AppliedEnvironment {
            provider: "aws".to_owned(),
            online_store: Some(spec.identity(&settings)),
            offline_store: None,
        };
        let project = Project { name: "p".to_owned(), objects, ..Project::default() };
        let outcome = plan(&PlanInput {
            store: Some(&spec),
            ..PlanInput::of(&project, prior, &environment, "2026-11-25T00:00:00Z".parse().unwrap())
        });
        assert_eq!(outcome.errors, []);
        outcome.plan.unwrap()
    }

    #[test]
    fn metadata_touches_no_table_and_settings_change_it_in_place() {
        let applied = planned("one", &[("region", "a")], &Registry::default()).applied_first();
        assert_eq!(applied.infrastructure.len(), 1);
        let reworded = planned("two", &[("region", "a")], &applied);
        assert_eq!((reworded.infrastructure.len(), reworded.summary.metadata), (0, 2));
        let tagged =
            planned("one", &[("region", "a"), ("tags.team", "x"), ("billing_mode", "PROVISIONED")], &applied);
        let actions: Vec<&[Action]> =
            tagged.infrastructure.iter().map(|change| change.actions.as_slice()).collect();
        assert_eq!((actions.as_slice(), tagged.changes.len()), (&[&[Action::Update][..]][..], 0));
        let moved = planned("one", &[("region", "b")], &applied);
        assert!(moved.changes.iter().any(|change| change.codes.contains("PV120")), "{:?}", moved.changes);
        assert_eq!(moved.summary.replace, 1);
    }
}
