//! The `feature_service` block.

use std::collections::BTreeMap;

use super::each;
use super::object::{self, NameForm};
use crate::check::is_name;
use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::{BlockReader, ExpressionKind, Located, Reference, Schema};
use crate::model::{Consumer, FeatureService, Object, ObjectKind, Selection, ServiceUse};
use crate::source::{Origin, Place};

pub(super) const SCHEMA: Schema = Schema {
    labels: &["name"],
    attributes: &["features", "description", "owner", "tags", "enabled", "for_each", "name"],
    single: &["lifecycle"],
    blocks: &["use", "consumer"],
};

pub(super) const USE: Schema = Schema {
    labels: &["name"],
    attributes: &["view", "join_keys", "features", "enabled", "for_each", "name"],
    single: &[],
    blocks: &[],
};

pub(super) const CONSUMER: Schema =
    Schema { labels: &["name"], attributes: &["owner", "enabled", "name"], single: &[], blocks: &[] };

pub(super) fn read(reader: &BlockReader<'_>, origin: &mut Origin) -> Option<Object> {
    let features = selections(reader, origin);
    let uses = uses(reader, origin);
    let consumers = consumers(reader, origin);
    let is_empty = reader.attribute("features").is_none_or(|one| match &one.value.kind {
        ExpressionKind::List(list) => list.is_empty(),
        kind => *kind == ExpressionKind::Null,
    });
    if is_empty && reader.blocks("use").next().is_none() {
        let message = "`feature_service` selects no feature";
        let diagnostic = Diagnostic::error(codes::MISSING, reader.block.header(), message);
        reader.context.report(diagnostic.help("add `features = [feature_view.NAME]`"));
    }
    Some(Object::FeatureService(FeatureService {
        features,
        uses,
        consumers,
        aliases: BTreeMap::new(),
        metadata: object::metadata(reader),
        lifecycle: object::lifecycle(reader, &SCHEMA),
    }))
}

fn selections(reader: &BlockReader<'_>, origin: &mut Origin) -> Vec<Selection> {
    let mut selections = Vec::new();
    for Located { value: reference, span } in reader.list::<Reference>("features").unwrap_or_default() {
        let on_demand = reference.kind == ObjectKind::OnDemandFeatureView;
        if on_demand || reference.kind == ObjectKind::FeatureView {
            origin.insert(Place::element("features", selections.len()), reference.span);
            selections.push(Selection { view: reference.name, on_demand, feature: reference.feature });
            continue;
        }
        let message = format!("`features` takes feature views and their features, found `{reference}`");
        let diagnostic = Diagnostic::error(codes::WRONG_KIND, span, message);
        reader.context.report(diagnostic.help("write `feature_view.VIEW` or `feature_view.VIEW.FEATURE`"));
    }
    selections
}

fn uses(reader: &BlockReader<'_>, origin: &mut Origin) -> Vec<ServiceUse> {
    let mut uses = Vec::new();
    for block in reader.blocks("use") {
        each::rounds(reader.context, block, |context| {
            uses.extend(one_use(&BlockReader::new(context, block, &USE), uses.len(), origin));
        });
    }
    uses
}

fn one_use(inner: &BlockReader<'_>, position: usize, origin: &mut Origin) -> Option<ServiceUse> {
    let named = object::named(inner, 0, NameForm::Feature).filter(|named| named.enabled)?;
    let view = inner.required::<Reference>("view", "feature_view.NAME");
    let view = view.and_then(|view| object::of_kind(inner.context, "view", view, ObjectKind::FeatureView));
    let join_keys = inner.optional::<BTreeMap<String, String>>("join_keys");
    let features = inner.list::<String>("features");
    let view = view?;
    let place = Place::block("use", position);
    origin.insert(place, named.span);
    origin.insert(place.at("view"), view.span);
    if let Some(join_keys) = &join_keys {
        origin.insert(place.at("join_keys"), join_keys.span);
        for name in join_keys.value.values().filter(|name| !is_name(name)) {
            let message = format!("`{name}` cannot be the name of a join key");
            let diagnostic = Diagnostic::error(codes::NAME, join_keys.span, message);
            inner.context.report(
                diagnostic
                    .help("requests send the key by this name: letters, digits and `_`, and no digit first"),
            );
        }
    }
    for (position, feature) in features.iter().flatten().enumerate() {
        origin.insert(place.at("features").nth(position), feature.span);
    }
    Some(ServiceUse {
        name: named.name,
        view: view.name,
        join_keys: join_keys.map(|keys| keys.value).unwrap_or_default(),
        features: features.map(|features| features.into_iter().map(|feature| feature.value).collect()),
    })
}

fn consumers(reader: &BlockReader<'_>, origin: &mut Origin) -> Vec<Consumer> {
    let mut consumers = Vec::new();
    for block in reader.blocks("consumer") {
        let inner = BlockReader::new(reader.context, block, &CONSUMER);
        if inner.attribute("for_each").is_some() {
            continue;
        }
        let owner = inner.optional::<String>("owner").map(|owner| owner.value);
        if let Some(named) = object::named(&inner, 0, NameForm::Consumer)
            && named.enabled
        {
            origin.insert(Place::block("consumer", consumers.len()), named.span);
            consumers.push(Consumer { name: named.name, owner });
        }
    }
    consumers
}
