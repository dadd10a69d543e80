//! The reader of a block: which labels, attributes and blocks it takes, and their values by type. Everything that is
//! wrong becomes a finding; what can be read is read all the same.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::accept::{Accept, Located};
use super::access::{is_root, is_word};
use super::evaluate::{Failure, Scope, evaluate_public};
use super::tree::{Attribute, Block, Body, Expression, ExpressionKind, Name, Step};
use super::value::Value;
use crate::diagnostic::{Diagnostic, Diagnostics, codes, nearest, suggestion};
use crate::source::Span;

/// What a block takes.
pub(crate) struct Schema {
    /// What its labels say.
    pub(crate) labels: &'static [&'static str],
    pub(crate) attributes: &'static [&'static str],
    /// Types of blocks that may stand in it once.
    pub(crate) single: &'static [&'static str],
    /// Types of blocks that may stand in it more than once.
    pub(crate) blocks: &'static [&'static str],
}

impl Schema {
    /// The type of block that an attribute of this name lists, as in other tools: `features = […]`, and Feast's `schema`.
    pub(crate) fn listed_block(&self, attribute: &str) -> Option<&'static str> {
        let mut named =
            self.blocks.iter().filter(|block| NAMED_BLOCKS.iter().any(|(name, _)| name == *block));
        let is_listed = |block: &str| {
            attribute.strip_suffix('s') == Some(block)
                || (attribute == "schema" && matches!(block, "feature" | "field"))
        };
        named.find(|block| is_listed(block) && !self.attributes.contains(&attribute)).copied()
    }
}

/// Where expressions look things up, and where findings go.
pub(crate) struct Context<'a> {
    pub(crate) scope: &'a dyn Scope,
    pub(crate) findings: &'a RefCell<Diagnostics>,
}

impl Context<'_> {
    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.findings.borrow_mut().push(diagnostic);
    }

    /// The value of an expression; what went wrong is reported.
    pub(crate) fn evaluate(&self, expression: &Expression) -> Option<Value> {
        evaluate_public(self.scope, expression).map_err(|failure| self.fail(failure)).ok()
    }

    /// The value of an expression, where it has one; what went wrong is not told.
    pub(crate) fn quietly(&self, expression: &Expression) -> Option<Value> {
        evaluate_public(self.scope, expression).ok()
    }

    pub(crate) fn fail(&self, failure: Failure) {
        for diagnostic in failure.findings() {
            self.report(diagnostic);
        }
    }
}

/// A value as it is read: none when it is wrong, which is said; null is none inside.
type Read<T> = Option<Option<Located<T>>>;

/// One block, being read.
pub(crate) struct BlockReader<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) block: &'a Block,
    /// The attributes that it takes; all, where it is not checked.
    attributes: Option<&'static [&'static str]>,
}

impl<'a> BlockReader<'a> {
    /// Checks labels, attributes and blocks against what the block takes.
    pub(crate) fn new(context: &'a Context<'a>, block: &'a Block, schema: &Schema) -> Self {
        let reader = Self { context, block, attributes: Some(schema.attributes) };
        reader.check_labels(schema);
        reader.check_attributes(schema);
        reader.check_blocks(schema);
        reader
    }

    /// The same without a check: which attributes there may be is not known yet.
    pub(crate) const fn unchecked(context: &'a Context<'a>, block: &'a Block) -> Self {
        Self { context, block, attributes: None }
    }

    /// Checks labels, blocks, and that no attribute is set twice.
    pub(crate) fn check_form(&self, schema: &Schema) {
        self.check_labels(schema);
        self.check_repeated();
        self.check_blocks(schema);
    }

    /// The block's type for messages; with its first label where that is a kind of its own.
    fn kind(&self) -> String {
        match self.block.labels.as_slice() {
            [kind, _] => format!("{} \"{}\"", self.block.kind.text, kind.text),
            _ => self.block.kind.text.to_string(),
        }
    }

    fn body(&self) -> &'a Body {
        &self.block.body
    }

    /// The label at this position.
    pub(crate) fn label(&self, position: usize) -> Option<&'a Name> {
        self.block.labels.get(position)
    }

    fn check_labels(&self, schema: &Schema) {
        let (found, wanted) = (self.block.labels.len(), schema.labels.len());
        if found == wanted {
            return;
        }
        let form: Vec<String> = schema.labels.iter().map(|label| format!(" \"{label}\"")).collect();
        let form = format!("`{}{} {{ … }}`", self.block.kind.text, form.concat());
        let diagnostic = match self.block.labels.get(wanted) {
            Some(extra) => {
                Diagnostic::error(codes::LABELS, extra.span, format!("`{}` takes no such label", self.kind()))
            }
            None => {
                let missing = schema.labels.get(found).copied().unwrap_or_default();
                let message = format!("`{}` has no {missing}", self.kind());
                Diagnostic::error(codes::LABELS, self.block.header(), message)
            }
        };
        self.context.report(diagnostic.help(format!("it is written {form}")));
    }

    fn check_repeated(&self) {
        let attributes = &self.body().attributes;
        // Most blocks are features, and most features have a type and nothing else.
        if attributes.len() < 2 {
            return;
        }
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for Attribute { key, .. } in attributes {
            if let Some(first) = seen.insert(&key.text, key.span) {
                let message = format!("`{}` is set twice", key.text);
                self.context
                    .report(Diagnostic::error(codes::REPEATED, key.span, message).also(first, "the first"));
            }
        }
    }

    fn check_attributes(&self, schema: &Schema) {
        self.check_repeated();
        for Attribute { key, value } in &self.body().attributes {
            if !schema.attributes.contains(&key.text.as_str()) {
                let message = format!("`{}` has no attribute `{}`", self.kind(), key.text);
                let help = if schema.blocks.contains(&key.text.as_str())
                    || schema.single.contains(&key.text.as_str())
                {
                    let form = as_block(&key.text, value);
                    Some(format!("`{}` is a block: write `{form}`, without `=`", key.text))
                } else if key.text == "count" && schema.attributes.contains(&"for_each") {
                    let count = match value.kind {
                        ExpressionKind::Integer(count) => count.to_string(),
                        _ => "…".to_owned(),
                    };
                    Some(format!(
                        "write `for_each = range({count})`, and `name = \"NAME_${{each.key}}\"` for names that differ"
                    ))
                } else if let Some(block) = schema.listed_block(&key.text) {
                    Some(format!("each is a block: write `{}`", as_block(block, value)))
                } else if key.text == "for_each" {
                    Some(format!("a `{}` block stands for one: write a block for each", self.kind()))
                } else if let Some(meant) = meant(&key.text, schema.attributes) {
                    Some(format!("did you mean `{meant}`?"))
                } else {
                    suggestion(&key.text, schema.attributes.iter().copied())
                };
                let diagnostic = Diagnostic::error(codes::UNKNOWN_ATTRIBUTE, key.span, message);
                self.context.report(diagnostic.maybe_help(help));
            }
        }
    }

    fn check_blocks(&self, schema: &Schema) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for block in &self.body().blocks {
            let name = block.kind.text.as_str();
            if schema.blocks.contains(&name) {
                continue;
            }
            if !schema.single.contains(&name) {
                let message = format!("`{}` has no block `{name}`", self.kind());
                let help = if schema.attributes.contains(&name) {
                    Some(format!("`{name}` is an attribute: write `{name} = …`"))
                } else if let Some(help) = for_dynamic(block) {
                    Some(help)
                } else {
                    suggestion(name, schema.blocks.iter().chain(schema.single).copied())
                };
                let diagnostic = Diagnostic::error(codes::UNKNOWN_BLOCK, block.kind.span, message);
                self.context.report(diagnostic.maybe_help(help));
            } else if let Some(first) = seen.insert(name, block.kind.span) {
                let message = format!("`{}` has two blocks `{name}`", self.kind());
                let diagnostic = Diagnostic::error(codes::REPEATED, block.kind.span, message);
                self.context.report(diagnostic.also(first, "the first"));
            }
        }
    }

    /// The attribute as written, the first if it is repeated.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.body().attributes.iter().find(|attribute| attribute.key.text == name)
    }

    /// Blocks of a type inside, in their order.
    pub(crate) fn blocks(&self, kind: &'static str) -> impl Iterator<Item = &'a Block> + use<'a> {
        self.body().blocks.iter().filter(move |block| block.kind.text == kind)
    }

    /// The value of an attribute; none when it is not set, null, or wrong.
    pub(crate) fn optional<T: Accept>(&self, name: &str) -> Option<Located<T>> {
        let attribute = self.attribute(name)?;
        self.accept(name, &attribute.value)?
    }

    /// The value of an attribute that must be set.
    pub(crate) fn required<T: Accept>(&self, name: &str, example: &str) -> Option<Located<T>> {
        match self.attribute(name) {
            Some(attribute) => {
                let value = self.accept(name, &attribute.value)?;
                if value.is_none() {
                    self.null(name, example);
                }
                value
            }
            None => {
                self.missing(name, example);
                None
            }
        }
    }

    /// Says that an attribute is null that must be set.
    pub(crate) fn null(&self, name: &str, example: &str) {
        let Some(attribute) = self.attribute(name).filter(|one| one.value.kind != ExpressionKind::Null)
        else {
            return self.missing(name, example);
        };
        let message = format!("`{name}` comes to null here, and must have a value");
        let diagnostic = Diagnostic::error(codes::MISSING, attribute.value.span, message);
        self.context.report(diagnostic.help(format!("write `{name} = {example}`")));
    }

    /// Says that an attribute is missing, unless one is there that is told to be misspelt and stands for it.
    pub(crate) fn missing(&self, name: &str, example: &str) {
        let stands_for_it = |attribute: &Attribute| {
            let written = attribute.key.text.as_str();
            let is_unknown = self.attributes.is_some_and(|known| !known.contains(&written));
            is_unknown && (meant(written, &[name]).is_some() || !nearest(written, [name]).is_empty())
        };
        if self.body().attributes.iter().any(stands_for_it) {
            return;
        }
        let message = format!("`{}` has no `{name}`", self.kind());
        let diagnostic = Diagnostic::error(codes::MISSING, self.block.header(), message);
        self.context.report(diagnostic.help(format!("add `{name} = {example}`")));
    }

    /// The elements of a list, each with its own place where the list is written out. Wrong elements are left out, and null.
    pub(crate) fn list<T: Accept>(&self, name: &str) -> Option<Vec<Located<T>>> {
        self.elements(name).map(|elements| elements.into_iter().flatten().flatten().collect())
    }

    /// The elements of a list that must be set, and whether all of them could be read.
    pub(crate) fn required_list<T: Accept>(
        &self,
        name: &str,
        example: &str,
    ) -> Option<(Vec<Located<T>>, bool)> {
        let Some(attribute) = self.attribute(name) else {
            self.missing(name, example);
            return None;
        };
        let before = self.context.findings.borrow().len();
        let Some(elements) = self.elements(name) else {
            let is_told = self.context.findings.borrow().len() > before;
            if !is_told && self.context.quietly(&attribute.value) == Some(Value::Null) {
                self.null(name, example);
            }
            return None;
        };
        let all_read = elements.iter().all(Option::is_some);
        Some((elements.into_iter().flatten().flatten().collect(), all_read))
    }

    fn elements<T: Accept>(&self, name: &str) -> Option<Vec<Read<T>>> {
        let attribute = self.attribute(name)?;
        if let ExpressionKind::List(elements) = &attribute.value.kind {
            return Some(elements.iter().map(|element| self.accept(name, element)).collect());
        }
        let span = attribute.value.span;
        match self.context.evaluate(&attribute.value)? {
            Value::Null => None,
            Value::Set(elements) => {
                Some(elements.into_iter().map(|element| self.accept_value(name, element, span)).collect())
            }
            Value::List(elements) => {
                Some(elements.into_iter().map(|element| self.accept_value(name, element, span)).collect())
            }
            other => {
                let message = format!("`{name}`: expected a list, found {}", other.kind());
                let diagnostic = Diagnostic::error(codes::WRONG_TYPE, span, message);
                let help =
                    matches!(other, Value::Reference(_)).then(|| "write it in brackets: `[…]`".to_owned());
                self.context.report(diagnostic.maybe_help(help));
                None
            }
        }
    }

    /// The value, which may be null; none when it is wrong, which is said.
    fn accept<T: Accept>(&self, name: &str, expression: &Expression) -> Read<T> {
        if let Some(word) = unknown_word(expression)
            && let Some(diagnostic) = T::unknown_word(name, &word, expression.span)
        {
            self.context.report(diagnostic);
            return None;
        }
        let value = self.context.evaluate(expression)?;
        self.accept_value(name, value, expression.span)
    }

    fn accept_value<T: Accept>(&self, name: &str, value: Value, span: Span) -> Read<T> {
        if value == Value::Null {
            return Some(None);
        }
        match T::accept_as(name, value, span) {
            Ok(value) => Some(Some(Located { value, span })),
            Err(mut diagnostic) => {
                diagnostic.message = format!("`{name}`: {}", diagnostic.message);
                self.context.report(*diagnostic);
                None
            }
        }
    }
}

/// The word, or the words with dots between them, when they mean nothing by themselves.
fn unknown_word(expression: &Expression) -> Option<String> {
    match &expression.kind {
        ExpressionKind::Variable(word) => (!is_word(word)).then(|| word.to_string()),
        ExpressionKind::Traversal(root, steps) => {
            let ExpressionKind::Variable(root) = &root.kind else { return None };
            let mut word = (!is_root(root)).then(|| root.to_string())?;
            for step in steps {
                let Step::Attribute(name) = step else { return None };
                word.push('.');
                word.push_str(&name.text);
            }
            Some(word)
        }
        _ => None,
    }
}

/// Which of the attributes one stands for that Feast or another tool has.
fn meant<'a>(written: &str, attributes: &[&'a str]) -> Option<&'a str> {
    let meant: &[&str] = match written {
        "batch_source" | "stream_source" | "data_source" => &["source"],
        "entity" | "keys" | "join_keys" => &["entities", "join_key"],
        "dtype" | "value_type" | "data_type" => &["type", "value_type"],
        "event_timestamp_column" | "timestamp_column" | "event_timestamp" => &["timestamp_field"],
        "file" | "uri" | "url" | "location" => &["path"],
        "table_ref" | "table_name" => &["table"],
        "sql" => &["query"],
        "expr" | "udf" | "transformation" | "formula" => &["expression"],
        "inputs" | "source_views" => &["sources"],
        "feature_view" => &["view"],
        _ => return None,
    };
    attributes.iter().find(|known| meant.contains(known)).copied()
}

/// Blocks with a name, and what stands in the shortest of them.
const NAMED_BLOCKS: [(&str, &str); 4] =
    [("feature", "type = …"), ("field", "type = …"), ("use", "view = …"), ("consumer", "…")];

/// How a block is written that stands as an attribute with this value.
fn as_block(name: &str, value: &Expression) -> String {
    let Some((_, inside)) = NAMED_BLOCKS.into_iter().find(|(block, _)| *block == name) else {
        return format!("{name} {{ … }}");
    };
    let first = match &value.kind {
        ExpressionKind::List(elements) => elements.first().map_or(&value.kind, |first| &first.kind),
        ExpressionKind::Map(entries) => entries
            .first()
            .filter(|(_, inner)| matches!(inner.kind, ExpressionKind::Map(_)))
            .map_or(&value.kind, |(key, _)| &key.kind),
        kind => kind,
    };
    let label = match first {
        ExpressionKind::String(label) => label,
        _ => "NAME",
    };
    format!("{name} \"{label}\" {{ {inside} }}")
}

/// What to write for Terraform's `dynamic`, and for loops and conditions around blocks.
pub(crate) fn for_dynamic(block: &Block) -> Option<String> {
    match block.kind.text.as_str() {
        "if" => return Some("a block has `enabled = …` for a condition".to_owned()),
        "for" | "foreach" => {
            return Some(
                "a block has `for_each = …` for a loop, and `name = \"NAME_${each.key}\"`".to_owned(),
            );
        }
        _ => {}
    }
    let kind = block.labels.first().filter(|_| block.kind.text == "dynamic")?;
    Some(format!(
        "write `for_each = …` in the block `{}` itself, and `name = \"NAME_${{each.key}}\"`",
        kind.text
    ))
}
