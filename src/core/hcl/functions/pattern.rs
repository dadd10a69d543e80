//! Regular expressions, which take time proportional to the text they look at.

use std::collections::BTreeMap;

use regex::{Captures, Regex, RegexBuilder};

use super::Arguments;
use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::evaluate::Result;
use crate::hcl::template::TEXT_LIMIT;
use crate::hcl::value::Value;

/// Most bytes of a compiled expression.
const SIZE_LIMIT: usize = 256 << 10;

fn compile(arguments: &Arguments, index: usize, pattern: &str) -> Result<Regex> {
    let built = RegexBuilder::new(pattern).size_limit(SIZE_LIMIT).dfa_size_limit(SIZE_LIMIT).build();
    built.map_err(|error| {
        let last = error.to_string();
        let last = last.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        arguments.fail_at(index, format!("this is no regular expression: {last}"))
    })
}

/// Named groups, groups, or all that was found: what the first match of an expression comes to.
fn found(regex: &Regex, captures: &Captures<'_>) -> Value {
    let text = |group: Option<regex::Match<'_>>| {
        group.map_or(Value::Null, |group| Value::text(group.as_str().to_owned()))
    };
    let named: BTreeMap<String, Value> =
        regex.capture_names().flatten().map(|name| (name.to_owned(), text(captures.name(name)))).collect();
    if !named.is_empty() {
        Value::Map(named)
    } else if regex.captures_len() > 1 {
        Value::List(captures.iter().skip(1).map(text).collect())
    } else {
        text(captures.get(0))
    }
}

fn pattern(arguments: &Arguments) -> Result<Regex> {
    let regex = compile(arguments, 0, arguments.string(0)?)?;
    let named = regex.capture_names().flatten().count();
    if named > 0 && named + 1 != regex.captures_len() {
        return Err(arguments.fail_at(0, "either all groups have a name or none has"));
    }
    Ok(regex)
}

/// What the first match comes to.
pub(super) fn regex(arguments: &Arguments) -> Result<Value> {
    let regex = pattern(arguments)?;
    let captures = regex.captures(arguments.string(1)?);
    captures
        .map(|captures| found(&regex, &captures))
        .ok_or_else(|| arguments.fail_at(1, "the text does not match the expression"))
}

/// What each match comes to.
pub(super) fn regex_all(arguments: &Arguments) -> Result<Value> {
    let regex = pattern(arguments)?;
    let text = arguments.string(1)?;
    arguments.made_list(regex.captures_iter(text).map(|captures| found(&regex, &captures)).collect())
}

/// Every place of a text, or between slashes of a regular expression, in which `$1` and `${name}` are groups.
pub(super) fn replace(arguments: &Arguments) -> Result<Value> {
    let (text, from, to) = (arguments.string(0)?, arguments.string(1)?, arguments.string(2)?);
    let expression = from.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    if let Some(expression) = expression {
        let regex = compile(arguments, 1, expression)?;
        let mut made = String::new();
        let mut after = 0;
        for captures in regex.captures_iter(text) {
            let Some(all) = captures.get(0) else { continue };
            made.push_str(&text[after..all.start()]);
            captures.expand(to, &mut made);
            after = all.end();
            too_long(arguments, made.len())?;
        }
        made.push_str(&text[after..]);
        return arguments.made(made);
    }
    let found = if from.is_empty() { text.chars().count() + 1 } else { text.matches(from).count() };
    too_long(arguments, found.saturating_mul(to.len()).saturating_add(text.len()) / 2)?;
    arguments.made(text.replace(from, to))
}

fn too_long(arguments: &Arguments, length: usize) -> Result<()> {
    if length > TEXT_LIMIT {
        return Err(Diagnostic::error(codes::LIMIT, arguments.span, "this text is longer than 16 MiB").into());
    }
    Ok(())
}
