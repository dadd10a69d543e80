//! The `on_demand_feature_view` block.

use std::collections::BTreeMap;

use super::each;
use super::object::{self, NameForm};
use crate::diagnostic::{Diagnostic, codes};
use crate::expression::Tree;
use crate::hcl::{BlockReader, Located, Reference, Schema};
use crate::model::{Address, Object, ObjectKind, OnDemandFeature, OnDemandFeatureView, ValueType};
use crate::source::{Origin, Place};

pub(super) const SCHEMA: Schema = Schema {
    labels: &["name"],
    attributes: &["sources", "description", "owner", "tags", "enabled", "for_each", "name"],
    single: &["lifecycle"],
    blocks: &["feature"],
};

pub(super) const FEATURE: Schema = Schema {
    labels: &["name"],
    attributes: &["type", "expression", "description", "owner", "tags", "enabled", "for_each", "name"],
    single: &[],
    blocks: &[],
};

/// The view, and the expressions of its features with their places.
pub(super) fn read(reader: &BlockReader<'_>, origin: &mut Origin) -> Option<(Object, Vec<Tree>)> {
    let sources = sources(reader, origin);
    let metadata = object::metadata(reader);
    let lifecycle = object::lifecycle(reader, &SCHEMA);
    let sources = sources?;
    let (features, trees) = features(reader, origin, &sources);
    let view = OnDemandFeatureView { sources, features, aliases: BTreeMap::new(), metadata, lifecycle };
    Some((Object::OnDemandFeatureView(view), trees))
}

fn sources(reader: &BlockReader<'_>, origin: &mut Origin) -> Option<Vec<Address>> {
    if reader.attribute("sources").is_none() {
        reader.missing("sources", "[feature_view.NAME]");
        return None;
    }
    let mut sources: Vec<Address> = Vec::new();
    for Located { value: reference, span } in reader.list::<Reference>("sources")? {
        let is_source = matches!(reference.kind, ObjectKind::FeatureView | ObjectKind::DataSource);
        if !is_source || reference.feature.is_some() {
            let message = format!("`sources` takes feature views and request sources, found `{reference}`");
            let diagnostic = Diagnostic::error(codes::WRONG_KIND, span, message);
            reader.context.report(diagnostic.help("write `feature_view.VIEW` or `data_source.REQUEST`"));
            continue;
        }
        let address = Address::new(reference.kind, reference.name);
        if let Some(first) = sources.iter().position(|known| known.name == address.name) {
            let message =
                format!("two sources are named `{}`: expressions could not tell them apart", address.name);
            let first = origin.span(Place::element("sources", first));
            reader.context.report(Diagnostic::error(codes::CONFLICT, span, message).also(first, "the first"));
            continue;
        }
        origin.insert(Place::element("sources", sources.len()), reference.span);
        sources.push(address);
    }
    Some(sources)
}

fn features(
    reader: &BlockReader<'_>,
    origin: &mut Origin,
    sources: &[Address],
) -> (Vec<OnDemandFeature>, Vec<Tree>) {
    let (mut features, mut trees) = (Vec::new(), Vec::new());
    let sources: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let mut any = false;
    for block in reader.blocks("feature") {
        any = true;
        each::rounds(reader.context, block, |context| {
            let inner = BlockReader::new(context, block, &FEATURE);
            let named = object::named(&inner, 0, NameForm::Feature);
            if let Some(named) = named.as_ref().filter(|named| !named.enabled) {
                return origin.leave_out(&named.name);
            }
            let value_type = inner.required::<ValueType>("type", "float64");
            let metadata = object::metadata(&inner);
            let Some(expression) = inner.attribute("expression") else {
                inner.missing("expression", "VIEW.FEATURE");
                return;
            };
            let tree =
                Tree::of(&expression.value, context.scope, &sources).map_err(|failure| context.fail(failure));
            let (Some(named), Some(value_type), Ok(tree)) = (named, value_type, tree) else { return };
            origin.insert(Place::block("feature", features.len()), named.span);
            features.push(OnDemandFeature {
                name: named.name,
                value_type: value_type.value,
                expression: tree.to_text(),
                aliases: BTreeMap::new(),
                metadata,
            });
            trees.push(tree);
        });
    }
    if !any {
        let message = "`on_demand_feature_view` has no `feature`";
        let diagnostic = Diagnostic::error(codes::MISSING, reader.block.header(), message);
        reader
            .context
            .report(diagnostic.help("add `feature \"NAME\" { … }` with a `type` and an `expression`"));
    }
    (features, trees)
}
