//! The schema of the plan's JSON, `docs/reference/plan.schema.json`: made from the types, and what every plan is valid by.
//! `PROVENDER_UPDATE_DOCS=1 cargo test -p provender-core schema` writes it anew.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value as Json, json};

use super::rule_tests::applied;
use super::tests::World;
use super::*;
use crate::model::Objects;
use crate::provider::InfraId;
use crate::registry::{StateChange, TableId};

/// A type that is written as one text.
macro_rules! text {
    ($type:ty, $name:literal, $description:literal, $pattern:literal) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $description, "pattern": $pattern })
            }
        }
    };
}

text!(Address, "Address", "A definition, as `feature_view.driver_stats`.", r"^[a-z_]+\..+$");
text!(Fingerprint, "Fingerprint", "SHA-256, in hexadecimal digits.", r"^[0-9a-f]{64}$");
text!(
    Timestamp,
    "Timestamp",
    "A time in UTC, by RFC 3339, with up to nine decimals.",
    r"^[-+]?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$"
);
text!(
    InfraId,
    "InfraId",
    "Type and physical name, as `embedded_table:staging.driver_stats.r37`; `r(new)` is numbered by the apply.",
    r"^[a-z_]+:.+$"
);
text!(
    TableId,
    "TableId",
    "An online table, as `driver_stats.r37`; `r(new)` is numbered by the apply.",
    r"^.+\.r(\d+|\(new\))$"
);

impl JsonSchema for StateChange {
    fn schema_name() -> Cow<'static, str> {
        "StateChange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "What the registry records once the step is done, in the registry's own format."
        })
    }
}

fn schema() -> Json {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Plan>().to_value();
    schema["title"] = json!("Plan of Provender");
    schema
}

/// Plans of many kinds.
fn plans() -> Vec<Plan> {
    let world = applied();
    let objects = world.registry.objects.clone();
    let mut changed = objects.clone();
    for object in changed.0.values_mut() {
        if let crate::model::Object::FeatureView(view) = object {
            view.features[0].value_type = crate::model::ValueType::String;
            view.features.truncate(1);
            view.metadata.description = Some("words".to_owned());
        }
    }
    let mut lost = applied();
    lost.infrastructure.clear();
    let mut gated = applied();
    gated.gates = [Gate::Breaking, Gate::Drift].into();
    gated.accepted = vec!["PV104:feature_view.view0".parse().unwrap()];
    let services = |address: &Address, _: &mut _| address.kind != crate::model::ObjectKind::FeatureService;
    let mut fewer = changed.clone();
    fewer.0.retain(services);
    vec![
        World::default().plan(&objects),
        world.plan(&objects),
        world.plan(&fewer),
        world.plan(&Objects::default()),
        lost.plan(&objects),
        gated.plan(&fewer),
    ]
}

#[test]
fn the_schema_is_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/plan.schema.json");
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("PROVENDER_UPDATE_DOCS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "out of date: PROVENDER_UPDATE_DOCS=1 cargo test -p provender-core schema");
}

#[test]
fn every_plan_is_valid_and_what_is_none_is_not() {
    let mut strict = schema();
    close(&mut strict);
    let validator = jsonschema::validator_for(&strict).unwrap();
    for plan in plans() {
        let document: Json = serde_json::from_slice(&plan.to_json()).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        for field in ["format_version", "changes", "summary", "decision_digest", "gate", "partial"] {
            let mut damaged = document.clone();
            damaged.as_object_mut().unwrap().remove(field);
            assert!(!validator.is_valid(&damaged), "without {field}");
        }
        let mut wrong = document.clone();
        wrong["base_revision"] = json!("one");
        assert!(!validator.is_valid(&wrong));
        wrong = document.clone();
        wrong["more"] = json!(1);
        assert!(!validator.is_valid(&wrong), "a field that the schema does not name");
    }
}

/// Nothing but what the schema names may stand in an object of it. What stands beside alternatives is closed as a whole.
fn close(schema: &mut Json) {
    match schema {
        Json::Object(entries) => {
            for (key, value) in entries.iter_mut() {
                match value {
                    Json::Array(branches) if key == "oneOf" => {
                        let inside = branches.iter_mut().filter_map(Json::as_object_mut);
                        inside.flat_map(|branch| branch.values_mut()).for_each(close);
                    }
                    value => close(value),
                }
            }
            if entries.contains_key("properties") {
                entries.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Json::Array(elements) => elements.iter_mut().for_each(close),
        _ => {}
    }
}
