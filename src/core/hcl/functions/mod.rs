//! Functions, with Terraform's names and meaning. One table says which there are; `list`, `try` and `can` look at their
//! arguments before they are evaluated.

mod arguments;
mod collection;
mod convert;
mod documentation;
mod encoding;
mod format;
mod number;
mod pattern;
mod set;
mod text;
mod time;

use arguments::Arguments;
pub(crate) use documentation::DOCUMENTATION;

use super::accept::{type_meant, unknown_type};
use super::evaluate::{Evaluator, Failure, Result, as_number};
use super::tree::{Call, ExpressionKind, Step};
use super::value::Value;
use crate::diagnostic::{Diagnostic, codes, suggestion};
use crate::model::ValueType;
use crate::source::Span;

type Function = fn(&Arguments) -> Result<Value>;

/// Name, fewest and most arguments, and what it does. Sorted by name.
const FUNCTIONS: [(&str, usize, usize, Function); 79] = [
    ("abs", 1, 1, number::abs),
    ("alltrue", 1, 1, collection::all_true),
    ("anytrue", 1, 1, collection::any_true),
    ("base64decode", 1, 1, encoding::base64_decode),
    ("base64encode", 1, 1, encoding::base64_encode),
    ("ceil", 1, 1, number::ceil),
    ("chomp", 1, 1, text::chomp),
    ("chunklist", 2, 2, collection::chunk_list),
    ("coalesce", 1, MANY, convert::coalesce),
    ("coalescelist", 1, MANY, collection::coalesce_list),
    ("compact", 1, 1, collection::compact),
    ("concat", 0, MANY, collection::concat),
    ("contains", 2, 2, collection::contains),
    ("csvdecode", 1, 1, encoding::csv_decode),
    ("distinct", 1, 1, collection::distinct),
    ("element", 2, 2, collection::element),
    ("endswith", 2, 2, text::ends_with),
    ("flatten", 1, 1, collection::flatten),
    ("floor", 1, 1, number::floor),
    ("format", 1, MANY, format::format),
    ("formatdate", 2, 2, time::format_date),
    ("formatlist", 1, MANY, format::format_list),
    ("indent", 2, 2, text::indent),
    ("index", 2, 2, collection::index),
    ("join", 2, 2, text::join),
    ("jsondecode", 1, 1, encoding::json_decode),
    ("jsonencode", 1, 1, encoding::json_encode),
    ("keys", 1, 1, collection::keys),
    ("length", 1, 1, collection::length),
    ("log", 2, 2, number::log),
    ("lookup", 2, 3, collection::lookup),
    ("lower", 1, 1, text::lower),
    ("matchkeys", 3, 3, collection::match_keys),
    ("max", 1, MANY, number::max),
    ("md5", 1, 1, encoding::md5),
    ("merge", 0, MANY, collection::merge),
    ("min", 1, MANY, number::min),
    ("one", 1, 1, collection::one),
    ("parseint", 2, 2, number::parse_int),
    ("pow", 2, 2, number::pow),
    ("range", 1, 3, number::range),
    ("regex", 2, 2, pattern::regex),
    ("regexall", 2, 2, pattern::regex_all),
    ("replace", 3, 3, pattern::replace),
    ("reverse", 1, 1, collection::reverse),
    ("setintersection", 1, MANY, set::intersection),
    ("setproduct", 2, MANY, set::product),
    ("setsubtract", 2, 2, set::subtract),
    ("setunion", 1, MANY, set::union),
    ("sha1", 1, 1, encoding::sha1),
    ("sha256", 1, 1, encoding::sha256),
    ("sha512", 1, 1, encoding::sha512),
    ("signum", 1, 1, number::signum),
    ("slice", 3, 3, collection::slice),
    ("sort", 1, 1, collection::sort),
    ("split", 2, 2, text::split),
    ("startswith", 2, 2, text::starts_with),
    ("strcontains", 2, 2, text::contains),
    ("strrev", 1, 1, text::reverse),
    ("substr", 3, 3, text::substr),
    ("sum", 1, 1, number::sum),
    ("timeadd", 2, 2, time::time_add),
    ("timecmp", 2, 2, time::time_compare),
    ("title", 1, 1, text::title),
    ("tobool", 1, 1, convert::to_bool),
    ("tolist", 1, 1, convert::to_list),
    ("tomap", 1, 1, convert::to_map),
    ("tonumber", 1, 1, convert::to_number),
    ("toset", 1, 1, convert::to_set),
    ("tostring", 1, 1, convert::to_string),
    ("transpose", 1, 1, collection::transpose),
    ("trim", 2, 2, text::trim),
    ("trimprefix", 2, 2, text::trim_prefix),
    ("trimspace", 1, 1, text::trim_space),
    ("trimsuffix", 2, 2, text::trim_suffix),
    ("upper", 1, 1, text::upper),
    ("urlencode", 1, 1, encoding::url_encode),
    ("values", 1, 1, collection::values),
    ("zipmap", 2, 2, collection::zip_map),
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
            text.map(Value::text).map_err(|error| arguments.fail_at(0, error))
        }
        name => {
            let Ok(position) = FUNCTIONS.binary_search_by_key(&name, |(known, ..)| known) else {
                return Err(unknown(call));
            };
            let (_, least, most, function) = FUNCTIONS[position];
            let arguments = evaluate_arguments(evaluator, call, span)?;
            arguments.count(least, most)?;
            evaluator.spend(cost(name, &arguments), span)?;
            function(&arguments)
        }
    }
}

/// Steps that a call takes beside the making of its result.
fn cost(name: &str, arguments: &Arguments) -> usize {
    let text = |index: usize| match arguments.value(index) {
        Value::String(text) => text.len(),
        _ => 0,
    };
    match name {
        // To compile an expression takes longer than to use it.
        "regex" | "regexall" | "replace" => 500 + (text(0) + text(1)) / 8,
        "md5" | "sha1" | "sha256" | "sha512" => text(0) / 8,
        _ => 0,
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
    let help = list_meant(call)
        .or_else(|| elsewhere(&call.name.text).map(str::to_owned))
        .or_else(|| suggestion(&call.name.text, known));
    diagnostic.maybe_help(help).into()
}

/// The type that a call such as `Array(Float32)` stands for.
fn list_meant(call: &Call) -> Option<String> {
    let [only] = call.arguments.as_slice() else { return None };
    let element = match &only.kind {
        ExpressionKind::Variable(word) => word,
        ExpressionKind::Traversal(_, steps) => match steps.as_slice() {
            [Step::Attribute(word)] => &word.text,
            _ => return None,
        },
        _ => return None,
    };
    let is_list = matches!(call.name.text.to_lowercase().as_str(), "array" | "list" | "set" | "sequence");
    let element = type_meant(element).filter(|_| is_list)?;
    Some(format!("write `list({element})`"))
}

/// What to write for functions that other languages have.
fn elsewhere(name: &str) -> Option<&'static str> {
    Some(match name {
        "len" | "size" | "count" => "write `length(…)`",
        "str" | "string" => "write `tostring(…)`",
        "int" | "float" | "number" => "write `tonumber(…)`",
        "bool" | "boolean" => "write `tobool(…)`",
        "set" => "write `toset(…)`",
        "Array" | "array" | "List" | "Set" => "a type is written `list(float32)`, a list of values `[…]`",
        "timedelta" | "duration" | "Duration" | "interval" | "relativedelta" => {
            "a duration is a text: write `\"1d\"`, or `\"1h30m\"`"
        }
        "date" | "datetime" | "Timestamp" => "a time is a text: write `\"2026-12-31\"`",
        "env" | "getenv" | "environ" => {
            "a value from outside is a variable: write `var.NAME`, and set `PROVENDER_VAR_NAME`"
        }
        "not" => "write `!` before the condition",
        "if" | "iff" | "ifelse" | "iif" => "write `condition ? a : b`",
        "map" | "dict" | "object" => "a map is written `{ key = value }`",
        "timestamp" | "now" | "uuid" | "random" => {
            "a definition says the same every time: it has no clock and no chance"
        }
        _ => return None,
    })
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
