//! Functions, with Terraform's names and meaning. One table says which there are; `list`, `try` and `can` look at their
//! arguments before they are evaluated.

mod arguments;
mod collection;
mod convert;
mod documentation;
mod number;
mod text;

use arguments::Arguments;
pub(crate) use documentation::DOCUMENTATION;

use super::accept::unknown_type;
use super::evaluate::{Evaluator, Failure, Result};
use super::tree::{Call, ExpressionKind};
use super::value::Value;
use crate::diagnostic::{Diagnostic, codes, suggestion};
use crate::model::ValueType;
use crate::source::Span;

type Function = fn(&Arguments) -> Result<Value>;

/// Name, fewest and most arguments, and what it does. Sorted by name.
const FUNCTIONS: [(&str, usize, usize, Function); 42] = [
    ("abs", 1, 1, number::abs),
    ("ceil", 1, 1, number::ceil),
    ("coalesce", 1, MANY, convert::coalesce),
    ("concat", 0, MANY, collection::concat),
    ("contains", 2, 2, collection::contains),
    ("distinct", 1, 1, collection::distinct),
    ("element", 2, 2, collection::element),
    ("endswith", 2, 2, text::ends_with),
    ("flatten", 1, 1, collection::flatten),
    ("floor", 1, 1, number::floor),
    ("format", 1, MANY, text::format),
    ("join", 2, 2, text::join),
    ("jsondecode", 1, 1, convert::json_decode),
    ("jsonencode", 1, 1, convert::json_encode),
    ("keys", 1, 1, collection::keys),
    ("length", 1, 1, collection::length),
    ("lookup", 2, 3, collection::lookup),
    ("lower", 1, 1, text::lower),
    ("max", 1, MANY, number::max),
    ("merge", 0, MANY, collection::merge),
    ("min", 1, MANY, number::min),
    ("range", 1, 3, number::range),
    ("replace", 3, 3, text::replace),
    ("reverse", 1, 1, collection::reverse),
    ("slice", 3, 3, collection::slice),
    ("sort", 1, 1, collection::sort),
    ("split", 2, 2, text::split),
    ("startswith", 2, 2, text::starts_with),
    ("substr", 3, 3, text::substr),
    ("title", 1, 1, text::title),
    ("tobool", 1, 1, convert::to_bool),
    ("tolist", 1, 1, convert::to_list),
    ("tomap", 1, 1, convert::to_map),
    ("tonumber", 1, 1, convert::to_number),
    ("toset", 1, 1, convert::to_set),
    ("tostring", 1, 1, convert::to_string),
    ("trim", 2, 2, text::trim),
    ("trimprefix", 2, 2, text::trim_prefix),
    ("trimspace", 1, 1, text::trim_space),
    ("trimsuffix", 2, 2, text::trim_suffix),
    ("upper", 1, 1, text::upper),
    ("values", 1, 1, collection::values),
];

const MANY: usize = usize::MAX;

pub(super) fn call(evaluator: &mut Evaluator<'_>, call: &Call, span: Span) -> Result<Value> {
    match call.name.text.as_str() {
        "try" => first_that_works(evaluator, call, span),
        "can" => {
            let [only] = call.arguments.as_slice() else { return Err(count(call, span, 1, 1)) };
            Ok(Value::Bool(evaluator.evaluate(only).is_ok()))
        }
        "list" => list_type(evaluator, call, span),
        "file" => {
            let arguments = evaluate_arguments(evaluator, call, span)?;
            arguments.count(1, 1)?;
            let text = evaluator.scope.read_file(arguments.string(0)?);
            text.map(Value::String).map_err(|error| arguments.fail_at(0, error))
        }
        name => {
            let Ok(position) = FUNCTIONS.binary_search_by_key(&name, |(known, ..)| known) else {
                return Err(unknown(call));
            };
            let (_, least, most, function) = FUNCTIONS[position];
            let arguments = evaluate_arguments(evaluator, call, span)?;
            arguments.count(least, most)?;
            function(&arguments)
        }
    }
}

/// All names.
#[cfg(test)]
pub(super) fn names() -> std::collections::BTreeSet<&'static str> {
    FUNCTIONS.iter().map(|(name, ..)| *name).chain(["can", "file", "list", "try"]).collect()
}

fn unknown(call: &Call) -> Failure {
    let known = FUNCTIONS.iter().map(|(name, ..)| *name).chain(["can", "file", "list", "try"]);
    let message = format!("there is no function `{}`", call.name.text);
    let diagnostic = Diagnostic::error(codes::UNKNOWN_FUNCTION, call.name.span, message);
    diagnostic.maybe_help(suggestion(&call.name.text, known)).into()
}

fn count(call: &Call, span: Span, least: usize, most: usize) -> Failure {
    let wanted = match (least, most) {
        (1, 1) => "1 argument".to_owned(),
        (least, most) if least == most => format!("{least} arguments"),
        (least, MANY) => format!("at least {least} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    };
    let message = format!("`{}` takes {wanted}, found {}", call.name.text, call.arguments.len());
    Diagnostic::error(codes::FUNCTION, span, message).into()
}

fn evaluate_arguments(evaluator: &mut Evaluator<'_>, call: &Call, span: Span) -> Result<Arguments> {
    let mut values = Vec::with_capacity(call.arguments.len());
    for argument in &call.arguments {
        values.push((evaluator.evaluate(argument)?, argument.span));
    }
    if call.expand
        && let Some((last, last_span)) = values.pop()
    {
        match last {
            Value::List(elements) => values.extend(elements.into_iter().map(|element| (element, last_span))),
            other => return Err(super::evaluate::wrong_type(last_span, "a list before `...`", &other)),
        }
    }
    Ok(Arguments { name: call.name.text.to_string(), span, values })
}

/// `list(T)`: a type.
fn list_type(evaluator: &mut Evaluator<'_>, call: &Call, span: Span) -> Result<Value> {
    let [only] = call.arguments.as_slice() else { return Err(count(call, span, 1, 1)) };
    if let ExpressionKind::Variable(name) = &only.kind
        && evaluator.binding(name).is_none()
        && name.parse::<ValueType>().is_err()
    {
        return Err(unknown_type(name, only.span).into());
    }
    match evaluator.evaluate(only)? {
        Value::Type(ValueType::List(_)) => {
            let message = "a list holds elements of one scalar type, not lists";
            Err(Diagnostic::error(codes::TYPE, only.span, message).into())
        }
        Value::Type(element) => Ok(Value::Type(ValueType::List(Box::new(element)))),
        other => {
            let help = "`list(…)` is a type; a list of values is written `[…]`";
            let message = format!("expected a type, found {}", other.kind());
            Err(Diagnostic::error(codes::TYPE, only.span, message).help(help).into())
        }
    }
}

fn first_that_works(evaluator: &mut Evaluator<'_>, call: &Call, span: Span) -> Result<Value> {
    let mut failure = count(call, span, 1, MANY);
    for argument in &call.arguments {
        match evaluator.evaluate(argument) {
            Ok(value) => return Ok(value),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_sorted() {
        assert!(super::FUNCTIONS.is_sorted_by_key(|(name, ..)| *name));
    }
}
