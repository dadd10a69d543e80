//! What the blocks of all objects share: names, description, owner, tags, `enabled`, `lifecycle`.

use std::collections::BTreeMap;

use crate::check::{is_feature_name, is_name};
use crate::diagnostic::{Diagnostic, codes, suggestion};
use crate::hcl::{Block, BlockReader, Context, Located, Reference, Schema, Value};
use crate::model::{Lifecycle, Metadata, ObjectKind};
use crate::source::{Origin, Span};

/// An object's or inner block's name, and whether it counts.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) enabled: bool,
}

/// Which names a block may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NameForm {
    /// Of objects.
    Object,
    /// Of features and fields: a digit may come first.
    Feature,
    /// Of consumers: `-` may be in it.
    Consumer,
}

/// The name: the attribute `name`, else the label at this position. None when there is neither.
pub(super) fn named(reader: &BlockReader<'_>, label: usize, form: NameForm) -> Option<Named> {
    let enabled = reader.optional::<bool>("enabled").is_none_or(|enabled| enabled.value);
    let given = reader.optional::<String>("name");
    let label = reader.label(label).map(|label| Located { value: label.text.to_string(), span: label.span });
    // In a loop the label is no name: what is wrong with `name` has been said.
    let label =
        label.filter(|_| reader.attribute("for_each").is_none() || reader.attribute("name").is_none());
    if let (None, Some(name), Some(_)) = (&given, reader.attribute("name"), reader.attribute("for_each"))
        && reader.context.quietly(&name.value) == Some(Value::Null)
    {
        reader.null("name", "\"NAME_${each.key}\"");
    }
    let Some(Located { value: name, span }) = given.or(label) else {
        reader.context.scope.leave_unnamed(&reader.block.kind.text);
        return None;
    };
    let good = match form {
        NameForm::Object => is_name(&name),
        NameForm::Feature => is_feature_name(&name),
        NameForm::Consumer => is_feature_name(&name.replace('-', "_").replace("__", "_")),
    };
    if !good {
        let mut rule = "letters, digits and `_`, at most 63 of them, without `__`".to_owned();
        if form == NameForm::Object {
            rule.push_str(", and no digit first");
        }
        let diagnostic = Diagnostic::error(codes::NAME, span, format!("`{name}` cannot be a name"));
        reader.context.report(diagnostic.help(format!("a name has {rule}")));
    }
    Some(Named { name, span, enabled })
}

/// Whether something stands in the block that is told not to belong there and was meant as blocks of this type: a block of
/// another type, or a list.
pub(super) fn has_misspelt(reader: &BlockReader<'_>, schema: &Schema, block_type: &str) -> bool {
    let mut blocks = reader.block.body.blocks.iter().map(|block| block.kind.text.as_str());
    let mut attributes = reader.block.body.attributes.iter().map(|attribute| attribute.key.text.as_str());
    blocks.any(|block| !schema.blocks.contains(&block) && !schema.single.contains(&block))
        || attributes.any(|name| name == block_type || schema.listed_block(name) == Some(block_type))
}

/// Description, owner and tags.
pub(super) fn metadata(reader: &BlockReader<'_>) -> Metadata {
    let text = |name: &str| reader.optional::<String>(name).map(|located| located.value);
    Metadata {
        description: text("description"),
        owner: text("owner"),
        tags: reader.optional::<BTreeMap<String, String>>("tags").map(|tags| tags.value).unwrap_or_default(),
    }
}

pub(super) const LIFECYCLE: Schema =
    Schema { labels: &[], attributes: &["prevent_destroy", "ignore_changes"], single: &[], blocks: &[] };

/// Attributes that say whether and how often there is an object, and under which name: they are no part of it.
const OF_BLOCKS: [&str; 3] = ["enabled", "for_each", "name"];

/// The `lifecycle` block of a block with this schema.
pub(super) fn lifecycle(reader: &BlockReader<'_>, schema: &Schema) -> Lifecycle {
    let Some(block) = reader.blocks("lifecycle").next() else { return Lifecycle::default() };
    let reader = BlockReader::new(reader.context, block, &LIFECYCLE);
    let ignored = reader.list::<String>("ignore_changes").unwrap_or_default();
    // Blocks of features are one attribute of what is stored.
    let blocks = ["feature", "materialization"]
        .into_iter()
        .filter(|name| schema.blocks.contains(name) || schema.single.contains(name));
    let stored = blocks.map(|name| if name == "feature" { "features" } else { name });
    let known: Vec<&str> =
        schema.attributes.iter().copied().filter(|name| !OF_BLOCKS.contains(name)).chain(stored).collect();
    for Located { value: name, span } in &ignored {
        if !known.contains(&name.as_str()) {
            let message = format!("`{name}` is no attribute of this block whose changes can be ignored");
            let diagnostic = Diagnostic::error(codes::UNKNOWN_ATTRIBUTE, *span, message);
            reader.context.report(diagnostic.maybe_help(suggestion(name, known.iter().copied())));
        }
    }
    Lifecycle {
        prevent_destroy: reader.optional("prevent_destroy").is_some_and(|located| located.value),
        ignore_changes: ignored.into_iter().map(|located| located.value).collect(),
    }
}

/// The reference, if it is to a whole object of that kind.
pub(super) fn of_kind(
    context: &Context<'_>,
    attribute: &str,
    reference: Located<Reference>,
    kind: ObjectKind,
) -> Option<Reference> {
    let Reference { kind: found, feature, span, .. } = &reference.value;
    if *found == kind && feature.is_none() {
        return Some(reference.value);
    }
    let what = if feature.is_some() { "feature" } else { found.as_str() };
    let message =
        format!("`{attribute}` takes a reference to `{kind}`, found the {what} `{}`", reference.value);
    let mut diagnostic = Diagnostic::error(codes::WRONG_KIND, *span, message);
    if *span != reference.span {
        diagnostic = diagnostic.also(reference.span, "used here");
    }
    context.report(diagnostic.help(format!("write `{kind}.NAME`")));
    None
}

/// The place of a block.
pub(super) fn origin(block: &Block, name: Span) -> Origin {
    Origin::new(block.header(), name)
}
