//! The `on_demand_feature_view` block.

use std::collections::BTreeMap;

use super::each;
use super::object::{self, NameForm};
use crate::diagnostic::{Diagnostic, codes};
use crate::expression::{Sources, Tree};
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

/// The view, and the expressions of its features with their places; behind them, those of features that could not be read.
pub(super) fn read(reader: &BlockReader<'_>, origin: &mut Origin) -> Option<(Object, Vec<Tree>)> {
    let sources = sources(reader, origin);
    let metadata = object::metadata(reader);
    let lifecycle = object::lifecycle(reader, &SCHEMA);
    let is_known = sources.is_some();
    let (sources, is_complete) = sources.unwrap_or_default();
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let kinds: Vec<ObjectKind> = sources.iter().map(|source| source.kind).collect();
    let (features, trees) = features(reader, origin, &Sources { names: &names, kinds: &kinds, is_complete });
    if !is_known {
        return None;
    }
    let view = OnDemandFeatureView { sources, features, aliases: BTreeMap::new(), metadata, lifecycle };
    Some((Object::OnDemandFeatureView(view), trees))
}

/// The sources, and whether these are all that are written.
fn sources(reader: &BlockReader<'_>, origin: &mut Origin) -> Option<(Vec<Address>, bool)> {
    let mut sources: Vec<Address> = Vec::new();
    let (references, mut is_complete) =
        reader.required_list::<Reference>("sources", "[feature_view.NAME]")?;
    for Located { value: reference, span } in references {
        let is_source = matches!(reference.kind, ObjectKind::FeatureView | ObjectKind::DataSource);
        if !is_source || reference.feature.is_some() {
            let message = format!("`sources` takes feature views and request sources, found `{reference}`");
            let diagnostic = Diagnostic::error(codes::WRONG_KIND, span, message);
            reader.context.report(diagnostic.help("write `feature_view.VIEW` or `data_source.REQUEST`"));
            is_complete = false;
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
    Some((sources, is_complete))
}

/// The expression of a feature; as an error, what of it could be read.
fn tree(feature: &BlockReader<'_>, sources: &Sources<'_>) -> Result<Tree, Option<Tree>> {
    let Some(expression) = feature.attribute("expression") else {
        feature.missing("expression", "VIEW.FEATURE");
        return Err(None);
    };
    let (tree, failure) = Tree::of(&expression.value, feature.context.scope, sources);
    let Some(failure) = failure else { return Ok(tree) };
    feature.context.fail(failure);
    Err(Some(tree))
}

fn features(
    reader: &BlockReader<'_>,
    origin: &mut Origin,
    sources: &Sources<'_>,
) -> (Vec<OnDemandFeature>, Vec<Tree>) {
    let (mut features, mut trees, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    let mut any = false;
    for block in reader.blocks("feature") {
        any = true;
        let all_known = each::rounds(reader.context, block, |context| {
            let inner = BlockReader::new(context, block, &FEATURE);
            let named = object::named(&inner, 0, NameForm::Feature);
            if let Some(named) = named.as_ref().filter(|named| !named.enabled) {
                return origin.leave_out(&named.name);
            }
            let value_type = inner.required::<ValueType>("type", "float64");
            let metadata = object::metadata(&inner);
            let tree = tree(&inner, sources);
            let name = named.as_ref().map(|named| named.name.clone());
            let (named, value_type, tree) = match (named, value_type, tree) {
                (Some(named), Some(value_type), Ok(tree)) => (named, value_type, tree),
                (.., tree) => {
                    unread.extend(tree.map_or_else(|part| part, Some));
                    return origin.leave_unread(name.as_deref());
                }
            };
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
        if !all_known {
            origin.leave_unread(None);
        }
    }
    if object::has_misspelt(reader, &SCHEMA, "feature") {
        origin.leave_unread(None);
    } else if !any {
        let message = "`on_demand_feature_view` has no `feature`";
        let diagnostic = Diagnostic::error(codes::MISSING, reader.block.header(), message);
        reader
            .context
            .report(diagnostic.help("add `feature \"NAME\" { … }` with a `type` and an `expression`"));
    }
    trees.append(&mut unread);
    (features, trees)
}
