//! Names, references, attributes, indexes and splats.

use std::cell::Cell;

use super::evaluate::{Evaluator, Failure, Result, as_number, wrong_type};
use super::tree::{Expression, ExpressionKind, Step};
use super::value::{Reference, Value};
use crate::diagnostic::{Diagnostic, codes, nearest, suggestion};
use crate::model::{ObjectKind, SourceKind, ValueType, member};
use crate::source::Span;

/// Bare words that mean something, beside types.
const WORDS: [&str; 2] = ["parquet", "csv"];

/// A word that stands alone: a name of a loop, a type, or a word that means something.
pub(super) fn bare_word(evaluator: &Evaluator<'_>, name: &str, span: Span) -> Result<Value> {
    if let Some(value) = evaluator.binding(name) {
        return Ok(value.clone());
    }
    if let Ok(value_type) = name.parse::<ValueType>() {
        return Ok(Value::Type(value_type));
    }
    if let Some(word) = WORDS.into_iter().find(|word| *word == name) {
        return Ok(Value::Word(word));
    }
    if is_root(name) {
        let message = format!("`{name}` needs a name after it, as in `{name}.NAME`");
        return Err(Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message).into());
    }
    let scalars = ValueType::SCALARS.map(|scalar| scalar.to_string());
    let known = scalars.iter().map(String::as_str).chain(WORDS);
    let near = nearest(name, known);
    let diagnostic =
        Diagnostic::error(codes::UNKNOWN_REFERENCE, span, format!("there is nothing named `{name}`"));
    let help = match near.first() {
        _ if constant(name).is_some() => format!("write `{}`", constant(name).unwrap_or_default()),
        _ if name.contains('-') => {
            "`-` without spaces around it is a part of a name; write spaces to subtract".to_owned()
        }
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write `\"{name}\"` if text is meant, `var.{name}` or `local.{name}` for a value"),
    };
    Err(diagnostic.help(help).into())
}

/// What other languages write for `true`, `false` and `null`.
pub(crate) fn constant(name: &str) -> Option<&'static str> {
    match name {
        "True" | "TRUE" | "yes" | "on" => Some("true"),
        "False" | "FALSE" | "no" | "off" => Some("false"),
        "None" | "NULL" | "Null" | "nil" | "undefined" => Some("null"),
        _ => None,
    }
}

/// Whether a bare word means something by itself.
pub(super) fn is_word(name: &str) -> bool {
    WORDS.contains(&name) || name.parse::<ValueType>().is_ok()
}

pub(super) fn is_root(name: &str) -> bool {
    matches!(name, "var" | "local" | "each" | "module") || kind_of(name).is_some()
}

/// Words that references and values begin with.
pub(super) fn roots() -> impl Iterator<Item = &'static str> + Clone {
    ObjectKind::ALL.map(ObjectKind::as_str).into_iter().chain(["var", "local", "each", "module"])
}

fn kind_of(name: &str) -> Option<ObjectKind> {
    ObjectKind::ALL.into_iter().find(|kind| kind.as_str() == name)
}

pub(super) fn traverse(
    evaluator: &mut Evaluator<'_>,
    root: &Expression,
    steps: &[Step],
    span: Span,
) -> Result<Value> {
    if let ExpressionKind::Variable(name) = &root.kind
        && evaluator.binding(name).is_none()
    {
        if let Some(kind) = kind_of(name) {
            return reference(evaluator, kind, None, (root.span, steps, span));
        }
        if name == "module" {
            return of_module(evaluator, root.span, steps, span);
        }
        if let [first, rest @ ..] = steps
            && matches!(name.as_str(), "var" | "local" | "each")
        {
            let name_span = root.span.to(first.span());
            let wanted = step_name(evaluator, first)?;
            let value = match name.as_str() {
                "var" => evaluator.scope.variable(&wanted, name_span)?,
                "local" => evaluator.scope.local(&wanted, name_span)?,
                _ => evaluator.scope.each(&wanted, name_span)?,
            };
            let value = evaluator.copied(value, name_span)?;
            return walk(evaluator, value, rest, name_span);
        }
        return unknown_root(name, root.span, (steps, span));
    }
    let value = evaluator.evaluate(root)?;
    walk(evaluator, value, steps, root.span)
}

fn unknown_root<T>(name: &str, root: Span, (steps, span): (&[Step], Span)) -> Result<T> {
    let help = if let [only] = steps
        && let Some(features) = listed(only)
    {
        Some(each_feature(&format!("feature_view{}", member(name)), &features))
    } else if name.contains('-') {
        Some("`-` without spaces around it is a part of a name; write spaces to subtract".to_owned())
    } else if name == "path" {
        Some(
            "a path begins in the folder of its project or module anyway: leave `path.module` out".to_owned(),
        )
    } else if let Some(near) = nearest(name, roots()).first() {
        Some(format!("did you mean `{near}`?"))
    } else {
        Some(format!(
            "a definition is named with its kind, as in `feature_view.{name}`, a value as `var.{name}` or `local.{name}`"
        ))
    };
    let message = format!("there is nothing named `{name}`");
    Err(Diagnostic::error(codes::UNKNOWN_REFERENCE, root.to(span), message).maybe_help(help).into())
}

/// The name that `.name` or `["name"]` says.
fn step_name(evaluator: &mut Evaluator<'_>, step: &Step) -> Result<String> {
    match step {
        Step::Attribute(name) => Ok(name.text.to_string()),
        Step::Index(index) => match evaluator.evaluate(index)? {
            Value::String(name) => Ok(name),
            other => Err(wrong_type(index.span, "a name", &other)),
        },
        Step::AttributeSplat(span) | Step::FullSplat(span) => {
            let message = "a splat works on lists, not on definitions";
            Err(Diagnostic::error(codes::WRONG_TYPE, *span, message).into())
        }
    }
}

/// `module.NAME.KIND.NAME`, and with a feature after it.
fn of_module(evaluator: &mut Evaluator<'_>, root: Span, steps: &[Step], span: Span) -> Result<Value> {
    let form = "a definition of a module is named `module.MODULE.feature_view.VIEW`";
    let [module, kind, rest @ ..] = steps else {
        let message = "a module is no value";
        return Err(Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message).help(form).into());
    };
    let module = step_name(evaluator, module)?;
    let word = step_name(evaluator, kind)?;
    let Some(found) = kind_of(&word) else {
        let message = format!("there is no kind of definition `{word}`");
        let help = suggestion(&word, ObjectKind::ALL.map(ObjectKind::as_str));
        let diagnostic = Diagnostic::error(codes::UNKNOWN_REFERENCE, kind.span(), message);
        return Err(diagnostic.maybe_help(help).help(form).into());
    };
    reference(evaluator, found, Some(&module), (root, rest, span))
}

fn reference(
    evaluator: &mut Evaluator<'_>,
    kind: ObjectKind,
    module: Option<&str>,
    (root, steps, span): (Span, &[Step], Span),
) -> Result<Value> {
    let (name, feature) = match steps {
        [name] => (step_name(evaluator, name)?, None),
        [name, feature] if kind.has_features() => {
            let name = step_name(evaluator, name)?;
            if let Some(features) = listed(feature) {
                let module = module.map_or_else(String::new, |module| format!("module{}.", member(module)));
                let view = format!("{module}{kind}{}", member(&name));
                return Err(several_features(&view, &features, feature.span()));
            }
            (name, Some(step_name(evaluator, feature)?))
        }
        _ => {
            let message = "a reference goes no further than this";
            let help = if let Some(name) = behind_kind_of_source(kind, steps) {
                let module = module.map_or_else(String::new, |module| format!("module{}.", member(module)));
                format!("write `{module}{kind}{}`: the kind of a source is no part of its name", member(name))
            } else if kind.has_features() {
                "`feature_view.VIEW.FEATURE` names a feature; attributes cannot be read".to_owned()
            } else {
                "a definition is named as a whole; its attributes cannot be read".to_owned()
            };
            let last = steps.last().map_or(span, Step::span);
            return Err(Diagnostic::error(codes::UNKNOWN_REFERENCE, last, message).help(help).into());
        }
    };
    let span = steps.last().map_or(span, |last| root.to(last.span()).to(span));
    let reference = Reference { kind, name, feature, span };
    // A name that nobody may see is told as such where it is used, and not held to the definitions.
    if !evaluator.scope.sensitive().is_some_and(Cell::get) {
        evaluator.scope.refer(&reference, module);
    }
    Ok(Value::Reference(Box::new(reference)))
}

/// The name in `data_source.file.NAME`, as Terraform would have it.
fn behind_kind_of_source(kind: ObjectKind, steps: &[Step]) -> Option<&str> {
    match steps {
        [Step::Attribute(source), Step::Attribute(name), ..] if kind == ObjectKind::DataSource => {
            SourceKind::LABELS.contains(&source.text.as_str()).then_some(name.text.as_str())
        }
        _ => None,
    }
}

/// The texts of `[["a", "b"]]`, by which Feast takes features of a view.
fn listed(step: &Step) -> Option<Vec<&str>> {
    let Step::Index(Expression { kind: ExpressionKind::List(elements), .. }) = step else { return None };
    let texts = elements.iter().map(|element| match &element.kind {
        ExpressionKind::String(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn several_features(view: &str, features: &[&str], span: Span) -> Failure {
    let message = "a reference names one feature, and no list of them";
    Diagnostic::error(codes::WRONG_TYPE, span, message).help(each_feature(view, features)).into()
}

/// What to write for some features of a view.
fn each_feature(view: &str, features: &[&str]) -> String {
    let each: Vec<String> = features.iter().map(|feature| format!("{view}{}", member(feature))).collect();
    match each.len() {
        0 => format!("write `{view}` for all of its features"),
        1..=8 => format!("write `{}`", each.join(", ")),
        _ => format!("write `{}`, and so on", each[..3].join(", ")),
    }
}

fn walk(evaluator: &mut Evaluator<'_>, value: Value, steps: &[Step], at: Span) -> Result<Value> {
    let Some((step, rest)) = steps.split_first() else { return Ok(value) };
    let here = at.to(step.span());
    match step {
        Step::Attribute(name) => {
            let next = attribute(value, &name.text, name.span)?;
            walk(evaluator, next, rest, here)
        }
        Step::Index(index) => {
            let key = evaluator.evaluate(index)?;
            let next = element(value, &key, index.span)?;
            walk(evaluator, next, rest, here)
        }
        Step::AttributeSplat(_) | Step::FullSplat(_) => {
            let full = matches!(step, Step::FullSplat(_));
            let each = if full {
                rest.len()
            } else {
                rest.iter().take_while(|step| matches!(step, Step::Attribute(_))).count()
            };
            let (each, after) = rest.split_at(each);
            let elements = match value {
                Value::Null => Vec::new(),
                Value::List(elements) => elements,
                Value::Set(elements) => elements.into_iter().collect(),
                single => vec![single],
            };
            let mut results = Vec::with_capacity(elements.len());
            for element in elements {
                results.push(walk(evaluator, element, each, here)?);
            }
            walk(evaluator, Value::List(results), after, here)
        }
    }
}

fn attribute(value: Value, name: &str, span: Span) -> Result<Value> {
    match value {
        // A feature of the view that a variable holds. Where it is wrong, it is wrong here.
        Value::Reference(view) if view.kind.has_features() && view.feature.is_none() => {
            Ok(Value::Reference(Box::new(Reference { feature: Some(name.to_owned()), span, ..*view })))
        }
        Value::Map(mut entries) => {
            entries.remove(name).ok_or_else(|| missing_key(name, entries.keys().map(String::as_str), span))
        }
        other => {
            let message = format!("{} has no `{name}`", other.kind());
            Err(Diagnostic::error(codes::INDEX, span, message).into())
        }
    }
}

fn missing_key<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone, span: Span) -> Failure {
    let message = format!("the map has no `{name}`");
    Diagnostic::error(codes::INDEX, span, message).maybe_help(suggestion(name, known)).into()
}

/// The element of a list or a map.
pub(super) fn element(value: Value, key: &Value, span: Span) -> Result<Value> {
    match value {
        Value::Map(mut entries) => {
            let name = key.to_text().ok_or_else(|| wrong_type(span, "a key", key))?;
            entries.remove(&name).ok_or_else(|| missing_key(&name, entries.keys().map(String::as_str), span))
        }
        Value::List(mut elements) => {
            let number = as_number(key).ok_or_else(|| wrong_type(span, "an index", key))?;
            let count = elements.len();
            let index = number.as_integer().and_then(|index| usize::try_from(index).ok());
            match index.filter(|index| *index < count) {
                Some(index) => Ok(elements.swap_remove(index)),
                None => {
                    let message = format!("the list has no element `{number}`");
                    let help = format!("it has {count}, counted from 0");
                    Err(Diagnostic::error(codes::INDEX, span, message).help(help).into())
                }
            }
        }
        Value::Reference(view)
            if view.kind.has_features() && view.feature.is_none() && matches!(key, Value::String(_)) =>
        {
            let feature = key.to_text();
            Ok(Value::Reference(Box::new(Reference { feature, span, ..*view })))
        }
        other => {
            let message = format!("{} has no elements", other.kind());
            let help = match (&other, key) {
                (Value::Reference(view), Value::List(_)) if view.kind.has_features() => {
                    Some("name each feature by itself: `feature_view.VIEW.FEATURE`")
                }
                _ => None,
            };
            Err(Diagnostic::error(codes::INDEX, span, message).maybe_help(help.map(str::to_owned)).into())
        }
    }
}
