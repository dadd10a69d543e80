//! The `feature_view` block.

use std::collections::BTreeMap;

use super::each;
use super::object::{self, NameForm};
use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::{BlockReader, Reference, Schema};
use crate::model::{Feature, FeatureView, Materialization, Object, ObjectKind, ValueType};
use crate::source::{Origin, Place};
use crate::time::Duration;

pub(super) const SCHEMA: Schema = Schema {
    labels: &["name"],
    attributes: &[
        "entities",
        "source",
        "ttl",
        "online",
        "online_ttl",
        "description",
        "owner",
        "tags",
        "enabled",
        "for_each",
        "name",
    ],
    single: &["lifecycle", "materialization"],
    blocks: &["feature"],
};

pub(super) const FEATURE: Schema = Schema {
    labels: &["name"],
    attributes: &["type", "description", "owner", "tags", "enabled", "for_each", "name"],
    single: &[],
    blocks: &[],
};

pub(super) const MATERIALIZATION: Schema =
    Schema { labels: &[], attributes: &["available_after", "lateness"], single: &[], blocks: &[] };

pub(super) fn read(reader: &BlockReader<'_>, origin: &mut Origin) -> Option<Object> {
    // One for each feature, the source, and, as a rule, an entity.
    origin.reserve(reader.blocks("feature").count() + 2);
    let entities = entities(reader, origin);
    let source = source(reader, origin);
    let duration = |name: &str| reader.optional::<Duration>(name).map(|located| located.value);
    let ttl = duration("ttl").unwrap_or_default();
    let online_ttl = duration("online_ttl");
    let online = reader.optional::<bool>("online").is_none_or(|located| located.value);
    let features = features(reader, origin);
    let materialization = materialization(reader);
    let metadata = object::metadata(reader);
    let lifecycle = object::lifecycle(reader, &SCHEMA);
    Some(Object::FeatureView(FeatureView {
        entities: entities?,
        source: source?,
        ttl,
        online,
        online_ttl,
        features,
        materialization,
        aliases: BTreeMap::new(),
        metadata,
        lifecycle,
    }))
}

fn entities(reader: &BlockReader<'_>, origin: &mut Origin) -> Option<Vec<String>> {
    let example = "[entity.NAME]`, or for one row for the whole project `entities = []";
    let mut names = Vec::new();
    for reference in reader.required_list::<Reference>("entities", example)?.0 {
        if let Some(reference) = object::of_kind(reader.context, "entities", reference, ObjectKind::Entity) {
            origin.insert(Place::element("entities", names.len()), reference.span);
            names.push(reference.name);
        }
    }
    Some(names)
}

fn source(reader: &BlockReader<'_>, origin: &mut Origin) -> Option<String> {
    let source = reader.required::<Reference>("source", "data_source.NAME")?;
    let source = object::of_kind(reader.context, "source", source, ObjectKind::DataSource)?;
    origin.insert(Place::attribute("source"), source.span);
    Some(source.name)
}

fn features(reader: &BlockReader<'_>, origin: &mut Origin) -> Vec<Feature> {
    let mut features = Vec::with_capacity(reader.blocks("feature").count());
    let mut any = false;
    for block in reader.blocks("feature") {
        any = true;
        let all_known = each::rounds(reader.context, block, |context| {
            let inner = BlockReader::new(context, block, &FEATURE);
            let Some(named) = object::named(&inner, 0, NameForm::Feature) else {
                return origin.leave_unread(None);
            };
            if !named.enabled {
                return origin.leave_out(&named.name);
            }
            let value_type = inner.required::<ValueType>("type", "float64");
            let metadata = object::metadata(&inner);
            let Some(value_type) = value_type else { return origin.leave_unread(Some(&named.name)) };
            origin.insert(Place::block("feature", features.len()), named.span);
            features.push(Feature {
                name: named.name,
                value_type: value_type.value,
                aliases: BTreeMap::new(),
                metadata,
            });
        });
        if !all_known {
            origin.leave_unread(None);
        }
    }
    if object::has_misspelt(reader, &SCHEMA, "feature") {
        origin.leave_unread(None);
    } else if !any {
        let message = "`feature_view` has no `feature`";
        let diagnostic = Diagnostic::error(codes::MISSING, reader.block.header(), message);
        reader.context.report(diagnostic.help("add `feature \"NAME\" { type = float64 }`"));
    }
    features
}

fn materialization(reader: &BlockReader<'_>) -> Materialization {
    let Some(block) = reader.blocks("materialization").next() else { return Materialization::default() };
    let inner = BlockReader::new(reader.context, block, &MATERIALIZATION);
    let duration =
        |name: &str| inner.optional::<Duration>(name).map(|located| located.value).unwrap_or_default();
    Materialization { available_after: duration("available_after"), lateness: duration("lateness") }
}
