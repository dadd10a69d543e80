//! Functions of text.

use super::Arguments;
use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::evaluate::{Result, as_number, wrong_type};
use crate::hcl::template::TEXT_LIMIT;
use crate::hcl::value::Value;

pub(super) fn upper(arguments: &Arguments) -> Result<Value> {
    Ok(Value::String(arguments.string(0)?.to_uppercase()))
}

pub(super) fn lower(arguments: &Arguments) -> Result<Value> {
    Ok(Value::String(arguments.string(0)?.to_lowercase()))
}

pub(super) fn title(arguments: &Arguments) -> Result<Value> {
    let mut start = true;
    let mut titled = String::new();
    for character in arguments.string(0)?.chars() {
        if start {
            titled.extend(character.to_uppercase());
        } else {
            titled.push(character);
        }
        start = !character.is_alphanumeric() && character != '_';
    }
    Ok(Value::String(titled))
}

pub(super) fn trim(arguments: &Arguments) -> Result<Value> {
    let cut = arguments.string(1)?;
    Ok(Value::String(arguments.string(0)?.trim_matches(|character| cut.contains(character)).to_owned()))
}

pub(super) fn trim_space(arguments: &Arguments) -> Result<Value> {
    Ok(Value::String(arguments.string(0)?.trim().to_owned()))
}

pub(super) fn trim_prefix(arguments: &Arguments) -> Result<Value> {
    let text = arguments.string(0)?;
    Ok(Value::String(text.strip_prefix(arguments.string(1)?).unwrap_or(text).to_owned()))
}

pub(super) fn trim_suffix(arguments: &Arguments) -> Result<Value> {
    let text = arguments.string(0)?;
    Ok(Value::String(text.strip_suffix(arguments.string(1)?).unwrap_or(text).to_owned()))
}

pub(super) fn starts_with(arguments: &Arguments) -> Result<Value> {
    Ok(Value::Bool(arguments.string(0)?.starts_with(arguments.string(1)?)))
}

pub(super) fn ends_with(arguments: &Arguments) -> Result<Value> {
    Ok(Value::Bool(arguments.string(0)?.ends_with(arguments.string(1)?)))
}

/// All of them; between slashes Terraform takes a regular expression, which is refused here.
pub(super) fn replace(arguments: &Arguments) -> Result<Value> {
    let (text, from, to) = (arguments.string(0)?, arguments.string(1)?, arguments.string(2)?);
    if from.len() > 1 && from.starts_with('/') && from.ends_with('/') {
        return Err(arguments.fail_at(1, "regular expressions are not supported by this version yet"));
    }
    let found = if from.is_empty() { text.chars().count() + 1 } else { text.matches(from).count() };
    if found.saturating_mul(to.len()).saturating_add(text.len()) > 2 * TEXT_LIMIT {
        return Err(Diagnostic::error(codes::LIMIT, arguments.span, "this text is longer than 16 MiB").into());
    }
    arguments.made(text.replace(from, to))
}

pub(super) fn split(arguments: &Arguments) -> Result<Value> {
    let (separator, text) = (arguments.string(0)?, arguments.string(1)?);
    let parts: Vec<Value> = if separator.is_empty() {
        text.chars().map(|character| Value::String(character.to_string())).collect()
    } else {
        text.split(separator).map(|part| Value::String(part.to_owned())).collect()
    };
    Ok(Value::List(parts))
}

pub(super) fn join(arguments: &Arguments) -> Result<Value> {
    let separator = arguments.string(0)?;
    let mut joined = String::new();
    for (position, element) in arguments.list(1)?.iter().enumerate() {
        let text = element
            .to_text()
            .ok_or_else(|| wrong_type(arguments.span_of(1), "strings in the list", element))?;
        if position > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&text);
        if joined.len() > TEXT_LIMIT {
            break;
        }
    }
    arguments.made(joined)
}

/// Offset and length count characters; a negative offset counts from the end, a length of -1 takes the rest.
pub(super) fn substr(arguments: &Arguments) -> Result<Value> {
    let text = arguments.string(0)?;
    let count = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let offset = arguments.integer(1)?;
    let length = arguments.integer(2)?;
    let start = if offset < 0 { offset.saturating_add(count).max(0) } else { offset };
    let length = if length < 0 { i64::MAX } else { length };
    let narrow = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Value::String(text.chars().skip(narrow(start)).take(narrow(length)).collect()))
}

/// `%s`, `%d`, `%f`, `%v`, `%q`, `%t`, `%%`, with width, zeros and precision as in `%05d` and `%.2f`.
pub(super) fn format(arguments: &Arguments) -> Result<Value> {
    let pattern = arguments.string(0)?;
    let mut made = String::new();
    let mut next = 1;
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            made.push(character);
            continue;
        }
        let mut options = String::new();
        let verb = loop {
            match characters.next() {
                Some(option @ ('0'..='9' | '.' | '-' | '+')) => options.push(option),
                Some(verb) => break verb,
                None => return Err(arguments.fail_at(0, "the format ends after `%`")),
            }
        };
        if verb == '%' {
            made.push('%');
            continue;
        }
        if next >= arguments.values.len() {
            return Err(arguments
                .fail_at(0, format!("the format has more verbs than there are values ({})", next - 1)));
        }
        made.push_str(&verbalize(arguments, next, verb, &options)?);
        next += 1;
    }
    if next < arguments.values.len() {
        return Err(arguments.fail_at(next, "the format has no verb for this value"));
    }
    arguments.made(made)
}

fn verbalize(arguments: &Arguments, index: usize, verb: char, options: &str) -> Result<String> {
    let value = arguments.value(index);
    let left = options.contains('-');
    let plus = options.contains('+');
    let digits = options.trim_start_matches(['-', '+']);
    let zeros = digits.starts_with('0');
    let (width, precision) =
        digits.split_once('.').map_or((digits, None), |(width, after)| (width, Some(after)));
    let small = |text: &str| text.parse::<usize>().unwrap_or(0).min(1000);
    let (width, precision) = (small(width), precision.map(small));
    let text = match verb {
        's' | 'v' => match value.to_text() {
            Some(text) => precision.map_or(text.clone(), |most| text.chars().take(most).collect()),
            None if verb == 'v' => value
                .to_json()
                .map_err(|what| arguments.fail_at(index, format!("{what} has no text")))?
                .to_string(),
            None => return Err(wrong_type(arguments.span_of(index), "a string", value)),
        },
        'q' => serde_json::Value::from(arguments.string(index)?).to_string(),
        't' => match value {
            Value::Bool(value) => value.to_string(),
            other => return Err(wrong_type(arguments.span_of(index), "`true` or `false`", other)),
        },
        'd' => arguments.integer(index)?.to_string(),
        'f' => format!("{:.*}", precision.unwrap_or(6), arguments.number(index)?.as_f64()),
        'x' => format!("{:x}", arguments.integer(index)?),
        other => return Err(arguments.fail_at(0, format!("the format has the unknown verb `%{other}`"))),
    };
    let numeric = as_number(value).is_some() && matches!(verb, 'd' | 'f' | 'x');
    let text = if plus && numeric && !text.starts_with('-') { format!("+{text}") } else { text };
    Ok(match (left, zeros && numeric) {
        (true, _) => format!("{text:<width$}"),
        (false, true) => {
            let (sign, rest) =
                text.strip_prefix(['-', '+']).map_or(("", text.as_str()), |rest| (&text[..1], rest));
            format!("{sign}{rest:0>width$}", width = width.saturating_sub(sign.len()))
        }
        (false, false) => format!("{text:>width$}"),
    })
}
