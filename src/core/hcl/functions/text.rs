//! Functions of text.

use unicode_segmentation::UnicodeSegmentation as _;

use super::Arguments;
use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::evaluate::Result;
use crate::hcl::template::TEXT_LIMIT;
use crate::hcl::value::Value;

pub(super) fn upper(arguments: &Arguments) -> Result<Value> {
    arguments.made(arguments.string(0)?.chars().map(upper_case).collect())
}

pub(super) fn lower(arguments: &Arguments) -> Result<Value> {
    arguments.made(arguments.string(0)?.chars().map(lower_case).collect())
}

/// One character becomes one, as in Go: `ß` has no capital.
fn upper_case(character: char) -> char {
    single(character, character.to_uppercase())
}

fn lower_case(character: char) -> char {
    // The one letter whose small form Unicode writes with two characters, and Go with one.
    if character == 'İ' { 'i' } else { single(character, character.to_lowercase()) }
}

fn single(character: char, mut changed: impl Iterator<Item = char>) -> char {
    match (changed.next(), changed.next()) {
        (Some(one), None) => one,
        _ => character,
    }
}

pub(super) fn title(arguments: &Arguments) -> Result<Value> {
    let mut start = true;
    let mut titled = String::new();
    for character in arguments.string(0)?.chars() {
        titled.push(if start { upper_case(character) } else { character });
        start = !character.is_alphanumeric() && character != '_';
    }
    arguments.made(titled)
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
    let texts: Option<Vec<String>> = arguments.texts(1)?.into_iter().collect();
    let texts = texts.ok_or_else(|| arguments.fail_at(1, "null has no text"))?;
    for (position, text) in texts.iter().enumerate() {
        if position > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text);
        if joined.len() > TEXT_LIMIT {
            break;
        }
    }
    arguments.made(joined)
}

/// Offset and length count characters; a negative offset counts from the end, a length of -1 takes the rest.
pub(super) fn substr(arguments: &Arguments) -> Result<Value> {
    let text = arguments.string(0)?;
    let count = i64::try_from(text.graphemes(true).count()).unwrap_or(i64::MAX);
    let offset = arguments.integer(1)?;
    let length = arguments.integer(2)?;
    let start = if offset < 0 { offset.saturating_add(count).max(0) } else { offset };
    let length = if length < 0 { i64::MAX } else { length };
    let narrow = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    arguments.made(text.graphemes(true).skip(narrow(start)).take(narrow(length)).collect())
}

/// Without the line feeds at its end.
pub(super) fn chomp(arguments: &Arguments) -> Result<Value> {
    arguments.made(arguments.string(0)?.trim_end_matches(['\r', '\n']).to_owned())
}

/// Spaces before every line but the first.
pub(super) fn indent(arguments: &Arguments) -> Result<Value> {
    let spaces = usize::try_from(arguments.integer(0)?).ok().filter(|spaces| *spaces <= TEXT_LIMIT);
    let spaces = spaces.ok_or_else(|| arguments.fail_at(0, "so many spaces cannot be put anywhere"))?;
    let text = arguments.string(1)?;
    let lines = text.matches('\n').count();
    if lines.saturating_mul(spaces).saturating_add(text.len()) > TEXT_LIMIT {
        return Err(Diagnostic::error(codes::LIMIT, arguments.span, "this text is longer than 16 MiB").into());
    }
    arguments.made(text.replace('\n', &format!("\n{}", " ".repeat(spaces))))
}

pub(super) fn reverse(arguments: &Arguments) -> Result<Value> {
    arguments.made(arguments.string(0)?.graphemes(true).rev().collect())
}

pub(super) fn contains(arguments: &Arguments) -> Result<Value> {
    Ok(Value::Bool(arguments.string(0)?.contains(arguments.string(1)?)))
}
