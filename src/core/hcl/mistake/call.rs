//! Calls as other languages write them: methods, functions of modules, arguments with names; tuples.

use super::{Mistake, Place, expression, last_operand, name_length};
use crate::model::ValueType;
use crate::time::Duration;

/// What comes before a function of a module in Python.
const MODULES: [&str; 12] =
    ["np", "numpy", "math", "pd", "pandas", "F", "fn", "sf", "sql", "torch", "scipy", "functions"];

/// `np.log(x)` and `x.lower()`.
pub(super) fn with_point(place: &Place<'_>) -> Option<Mistake> {
    place.rest.starts_with('(').then_some(())?;
    let written = last_operand(place.before);
    let (object, function) = written.rsplit_once('.')?;
    (name_length(function) == function.len() && !object.is_empty()).then_some(())?;
    let (inner, end) = in_parentheses(place.rest)?;
    let from = place.before.len() - written.len();
    let to = place.before.len() + end;
    let is_module = MODULES.contains(&object);
    let object = object.strip_suffix(".str").unwrap_or(object);
    let arguments = match (is_module, inner.is_empty()) {
        (true, _) => inner.to_owned(),
        (false, true) => object.to_owned(),
        (false, false) => format!("{object}, {inner}"),
    };
    let call = called(function, object, inner, &arguments, place.is_over_columns());
    let help = format!("write `{}`", place.rewritten(from, to, &call, "function(value)"));
    let message = if is_module {
        format!("functions belong to no module: there is no `{object}`")
    } else {
        format!("a function stands before its value: there is no `.{function}(…)`")
    };
    place.mistake(place.start + from..place.start + to, message, help)
}

/// The call of the function that does the same here.
fn called(function: &str, object: &str, inner: &str, arguments: &str, over_columns: bool) -> String {
    let cast = match inner.trim_matches(['"', '\'']) {
        "int" | "int64" | "int32" | "np.int64" => Some(if over_columns { "to_int" } else { "tonumber" }),
        "float" | "float64" | "float32" | "np.float64" => {
            Some(if over_columns { "to_float" } else { "tonumber" })
        }
        "str" | "string" => Some(if over_columns { "to_string" } else { "tostring" }),
        _ => None,
    };
    let name = match function {
        "astype" | "cast" if cast.is_some() => {
            return format!("{}({object})", cast.unwrap_or_default());
        }
        "where" | "when" => {
            if let [condition, then, otherwise] = inner.split(", ").collect::<Vec<_>>().as_slice() {
                return format!("({condition} ? {then} : {otherwise})");
            }
            "where"
        }
        "notnull" | "notna" | "isNotNull" => "!is_null",
        "isnull" | "isna" | "isNull" => "is_null",
        "isnan" => "is_nan",
        "fillna" | "ifnull" | "nvl" => "coalesce",
        "log" if over_columns && !arguments.contains(',') => "ln",
        "log10" => return format!("log({arguments}, 10)"),
        "log2" => return format!("log({arguments}, 2)"),
        "log1p" => return format!("ln(1 + {arguments})"),
        "maximum" => "max",
        "minimum" => "min",
        "power" => "pow",
        "clip" => "clamp",
        "strip" => "trimspace",
        "len" | "size" => "length",
        "substring" | "slice" => "substr",
        "contains" if over_columns => "strcontains",
        other => other,
    };
    format!("{name}({arguments})")
}

/// What stands in the parentheses with which the text begins, and where they end.
fn in_parentheses(text: &str) -> Option<(&str, usize)> {
    let (mut depth, mut in_string) = (0_usize, false);
    for (at, next) in text.char_indices() {
        match next {
            '"' => in_string = !in_string,
            _ if in_string => {}
            '(' => depth += 1,
            ')' if depth == 1 => return Some((text[1..at].trim(), at + 1)),
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// Where the parenthesis opens that is open at the end of the text.
fn open_parenthesis(text: &str) -> Option<usize> {
    let (mut open, mut in_string) = (Vec::new(), false);
    for (at, next) in text.char_indices() {
        match next {
            '"' => in_string = !in_string,
            _ if in_string => {}
            '(' | '[' | '{' => open.push((at, next)),
            ')' | ']' | '}' => drop(open.pop()),
            _ => {}
        }
    }
    open.pop().filter(|(_, next)| *next == '(').map(|(at, _)| at)
}

/// The block that stands for a class of Feast's.
fn feast_block(class: &str) -> Option<&'static str> {
    Some(match class {
        "Field" | "Feature" => "feature",
        "Entity" => "entity",
        "FeatureView" | "BatchFeatureView" | "StreamFeatureView" => "feature_view",
        "FeatureService" => "feature_service",
        "FileSource" => "data_source \"file\"",
        "BigQuerySource" => "data_source \"bigquery\"",
        "RedshiftSource" => "data_source \"redshift\"",
        "AthenaSource" => "data_source \"athena\"",
        "PushSource" => "data_source \"push\"",
        "RequestSource" => "data_source \"request\"",
        _ => return None,
    })
}

/// What to write for a call of a class with these arguments.
fn as_block(block: &str, arguments: &str) -> String {
    let named = |wanted: &str| {
        let mut pairs = arguments.split(',').filter_map(|argument| argument.split_once('='));
        pairs.find(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim())
    };
    let name = named("name").filter(|name| name.starts_with('"') && expression(name) == *name);
    let of_type = named("dtype").map(str::to_lowercase).map(|of| of.replace("array(", "list("));
    let of_type = of_type.filter(|of| of.parse::<ValueType>().is_ok());
    let inside = match (block, of_type) {
        ("feature", Some(of_type)) => format!("type = {of_type}"),
        ("feature", None) => "type = …".to_owned(),
        _ => "…".to_owned(),
    };
    format!("write `{block} {} {{ {inside} }}`", name.unwrap_or("\"NAME\""))
}

/// `timedelta(days=1)`, and other arguments with names.
pub(super) fn with_names(place: &Place<'_>) -> Option<Mistake> {
    (place.rest.starts_with('=') && !place.rest.starts_with("==")).then_some(())?;
    let open = open_parenthesis(place.before)?;
    let function = last_operand(&place.line[..open]);
    let (inner, end) = in_parentheses(&place.line[open..])?;
    let from = open - function.len();
    let range = place.start + from..place.start + open + end;
    let arguments = inner.split(',').map(str::trim);
    let is_duration = ["timedelta", "duration", "interval", "relativedelta", "DateOffset"]
        .iter()
        .any(|name| function.rsplit('.').next() == Some(name));
    if is_duration {
        let words = arguments.map(|argument| {
            argument.split_once('=').map_or_else(
                || argument.to_owned(),
                |(unit, number)| format!("{} {}", number.trim(), unit.trim()),
            )
        });
        let text = words.collect::<Vec<_>>().join(", ");
        let meant = Duration::meant(&text).map_or_else(|| "1h30m".to_owned(), |meant| meant.to_string());
        return place.mistake(range, "a duration is a text", format!("write `\"{meant}\"`"));
    }
    if let Some(block) = feast_block(function) {
        return place.mistake(range, "a definition is a block, and no call", as_block(block, inner));
    }
    let values =
        arguments.map(|argument| argument.split_once('=').map_or(argument, |(_, value)| value.trim()));
    let call = format!("{function}({})", values.collect::<Vec<_>>().join(", "));
    let help =
        format!("write the values in their order: `{}`", place.rewritten(from, open + end, &call, "f(a, b)"));
    place.here("arguments have no names", help)
}

/// `(1, 2)` and `{1, 2}`.
pub(super) fn tuple(place: &Place<'_>) -> Option<Mistake> {
    if place.rest.starts_with(')')
        && place.before.ends_with('(')
        && last_operand(&place.before[..place.before.len() - 1]).is_empty()
    {
        let range = place.at() - 1..place.at() + 1;
        return place.mistake(range, "a list stands in brackets", "write `[]`");
    }
    let close = match place.said {
        "expected `)`" => ')',
        said if said.starts_with("invalid object value") => '}',
        _ => return None,
    };
    // In braces, the parser has read the comma.
    (place.rest.starts_with([',', close]) || place.before.trim_end().ends_with(',')).then_some(())?;
    let open = place.before.rfind(if close == ')' { '(' } else { '{' })?;
    last_operand(&place.before[..open]).is_empty().then_some(())?;
    let end = place.rest.find(close)?;
    let list = format!("[{}]", place.line[open + 1..place.before.len() + end].trim());
    let to = place.before.len() + end + 1;
    let is_list = expression(&list) == list;
    let help = if is_list {
        format!("write `{}`", place.rewritten(open, to, &list, "[…]"))
    } else {
        "write `[…]`".to_owned()
    };
    place.mistake(place.start + open..place.start + to, "a list stands in brackets", help)
}

/// `lower "a"`: arguments without parentheses.
pub(super) fn without_parentheses(place: &Place<'_>) -> Option<Mistake> {
    let function = last_operand(place.before);
    let is_name = !function.is_empty() && name_length(function) == function.len();
    (is_name && place.before.ends_with(' ') && place.said.contains("newline")).then_some(())?;
    let argument = super::first_operand(place.rest);
    let is_text = argument.starts_with('"');
    let is_column = argument.contains('.') && place.is_over_columns();
    ((is_text || is_column) && expression(argument) == argument).then_some(())?;
    let from = place.before.trim_end().len() - function.len();
    let to = place.before.len() + argument.len();
    let call = format!("{function}({argument})");
    let help = format!("write `{}`", place.rewritten(from, to, &call, "function(value)"));
    place.here("arguments stand in parentheses", help)
}
