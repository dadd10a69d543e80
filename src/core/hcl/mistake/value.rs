//! Mistakes in values: numbers as people write them, text without quotes, and forms of other languages.

use super::{Mistake, Place, expression, name_length, token};
use crate::time::Duration;

/// `1,000`, `1_000`, `.5` and `7 days`.
pub(super) fn number(place: &Place<'_>) -> Option<Mistake> {
    let digits = |text: &str| text.find(|next: char| !next.is_ascii_digit()).unwrap_or(text.len());
    if let Some(fraction) = place.rest.strip_prefix('.')
        && digits(fraction) > 0
        && place.said.starts_with("invalid expression")
    {
        let written = &fraction[..digits(fraction)];
        return place.mistake(
            place.at()..place.at() + 1 + written.len(),
            "a digit stands before the point",
            format!("write `0.{written}`"),
        );
    }
    let before = place.before.trim_end();
    let begins = before.trim_end_matches(|last: char| last.is_ascii_digit()).len();
    if begins == before.len() || !place.before[..begins].ends_with([' ', '\t', '=', '[', '(', ',']) {
        return None;
    }
    let is_part = |next: char| next.is_ascii_digit() || matches!(next, ',' | '_');
    let end = place.rest.find(|next: char| !is_part(next)).unwrap_or(place.rest.len());
    let grouped = place.rest[..end].trim_end_matches(',');
    let groups: Vec<&str> = grouped.split([',', '_']).skip(1).collect();
    if grouped.starts_with([',', '_']) && groups.iter().all(|group| group.len() == 3) {
        let whole = format!("{}{}", &before[begins..], groups.concat());
        let range = place.start + begins..place.at() + grouped.len();
        return place.mistake(range, "a number holds digits only", format!("write `{whole}`"));
    }
    let unit = &place.rest[..name_length(place.rest)];
    let meant = Duration::meant(&format!("{}{unit}", &before[begins..])).filter(|_| !unit.is_empty())?;
    (before.len() < place.before.len()).then_some(())?;
    let range = place.start + begins..place.at() + unit.len();
    place.mistake(range, "a duration stands in quotes", format!("write `\"{meant}\"`"))
}

/// `${var.x}` and `$x` outside of text.
pub(super) fn dollar(place: &Place<'_>) -> Option<Mistake> {
    let value = place.rest.strip_prefix('$').filter(|_| place.said.starts_with("invalid expression"))?;
    let (inner, length) = match value.strip_prefix('{') {
        Some(inner) => {
            let end = inner.find('}')?;
            (&inner[..end], end + 3)
        }
        None => {
            let end = value.find(|next: char| !next.is_alphanumeric() && !matches!(next, '_' | '.'));
            let inner = &value[..end.unwrap_or(value.len())];
            (inner, inner.len() + 1)
        }
    };
    place.mistake(
        place.at()..place.at() + length,
        "`$` stands only in text",
        format!("write `{}`", expression(inner)),
    )
}

/// Several words where one value belongs: `Data Team`.
pub(super) fn words_without_quotes(place: &Place<'_>) -> Option<Mistake> {
    let value = place.value();
    let others = ["is", "if", "then", "else", "for", "in", "and", "or", "not", "as"];
    let is_word = |word: &str| word.chars().all(char::is_alphabetic) && !others.contains(&word);
    let mut count = 0;
    for word in value.split(' ') {
        (is_word(word) && !word.is_empty()).then_some(())?;
        count += 1;
    }
    (count > 1 && place.said.contains("newline")).then_some(())?;
    let begins = place.start + place.line.find(value)?;
    place.mistake(begins..begins + value.len(), "text stands in quotes", format!("write `\"{value}\"`"))
}

/// `list<int64>`.
pub(super) fn list_type(place: &Place<'_>) -> Option<Mistake> {
    let open = place.line.find("list<")?;
    let (inner, _) = place.line[open + 5..].split_once('>')?;
    let range = place.start + open..place.start + open + 5 + inner.len() + 1;
    let name = expression(inner);
    place.mistake(range, "the type of elements stands in parentheses", format!("write `list({name})`"))
}

/// Python's `[x for x in list]`.
pub(super) fn comprehension(place: &Place<'_>) -> Option<Mistake> {
    (&place.rest[..name_length(place.rest)] == "for").then_some(())?;
    let open = place.before.rfind('[')?;
    let element = place.before[open + 1..].trim();
    let head = place.rest.trim_end().strip_suffix(']').filter(|_| !element.is_empty())?;
    let (head, condition) = head.split_once(" if ").unwrap_or((head, ""));
    let condition = if condition.is_empty() { String::new() } else { format!(" if {condition}") };
    let rewritten = format!("[{head} : {element}{condition}]");
    let form = Some(rewritten.as_str()).filter(|form| expression(form) == *form);
    place.here(
        "`for` stands before what is made of each element",
        format!("write `{}`", form.unwrap_or("[for element in list : element]")),
    )
}

/// `"""text"""`.
pub(super) fn three_quotes(place: &Place<'_>) -> Option<Mistake> {
    (place.before.ends_with("\"\"") && place.rest.starts_with('"')).then_some(())?;
    place.mistake(
        place.at() - 2..place.at() + 1,
        "text begins with one `\"`",
        "write `\"…\"`, or several lines as `<<-EOT … EOT`",
    )
}

/// A list, a call or a conditional that ends too early.
pub(super) fn unfinished(place: &Place<'_>) -> Option<Mistake> {
    let is_over = place.rest.trim().is_empty() || place.rest.starts_with('}') || place.rest.starts_with('#');
    let help = match place.said {
        "expected `]`" if is_over => "write a `]` where the list ends",
        said if is_over && said.starts_with("expected `)`") => "write a `)` where the arguments end",
        "expected `:`" if place.before.contains('?') => "write both values: `condition ? a : b`",
        "expected newline or eof" if place.rest.starts_with(['}', ']', ')']) => {
            let closing = &place.rest[..token(place.rest)];
            return place.here(format!("this `{closing}` closes nothing"), "remove it");
        }
        _ => return None,
    };
    place.here(place.said, help)
}

/// `and`, `or` and `not`, also where only the word before is one.
pub(super) fn words(place: &Place<'_>) -> Option<Mistake> {
    let after = &place.rest[..name_length(place.rest)];
    let is_not = place.before.trim_end().ends_with(" not");
    let (word, operator) = match after {
        "and" => ("and", "&&"),
        "or" => ("or", "||"),
        _ if is_not => ("not", "!"),
        _ => return None,
    };
    let begins = if is_not { place.before.rfind("not")? } else { place.before.len() };
    let value = place.value();
    let rewritten =
        format!(" {value}").replace(" and ", " && ").replace(" or ", " || ").replace(" not ", " !");
    let rewritten = rewritten.trim();
    let help = if !value.contains('"') && expression(rewritten) == rewritten {
        format!("write `{rewritten}`")
    } else {
        format!("write `{operator}`")
    };
    let range = place.start + begins..place.start + begins + word.len();
    place.mistake(range, format!("`{word}` is written `{operator}`"), help)
}

/// Python's `a if condition else b`, `x in list` and `f"…"`.
pub(super) fn conditional(place: &Place<'_>) -> Option<Mistake> {
    if place.before.contains("for ") {
        return None;
    }
    let value = place.value();
    let or_form = |rewritten: Option<String>, form: &str| {
        let rewritten = rewritten.filter(|rewritten| expression(rewritten) == rewritten);
        format!("write `{}`", rewritten.as_deref().unwrap_or(form))
    };
    match &place.rest[..name_length(place.rest)] {
        "if" => {
            let rewritten = value.split_once(" if ").and_then(|(then, rest)| {
                let (condition, otherwise) = rest.split_once(" else ")?;
                Some(format!("{condition} ? {then} : {otherwise}"))
            });
            place.here("the condition stands before the values", or_form(rewritten, "condition ? a : b"))
        }
        "in" => {
            let rewritten =
                value.split_once(" in ").map(|(element, list)| format!("contains({list}, {element})"));
            place.here("`in` stands only in `for`", or_form(rewritten, "contains(list, element)"))
        }
        _ if place.rest.starts_with('"') && place.before.ends_with(" f") => {
            let rewritten = place.rest.replace('{', "${");
            let form = or_form(Some(rewritten), "\"text ${value}\"");
            place.mistake(place.at() - 1..place.at(), "a value stands in any string as `${…}`", form)
        }
        _ => None,
    }
}

/// `**` and `??`.
pub(super) fn operators(place: &Place<'_>) -> Option<Mistake> {
    let (sign, function) = match place.rest.chars().next()? {
        '*' => ("**", "pow"),
        '?' => ("??", "coalesce"),
        _ => return None,
    };
    place.before.ends_with(&sign[1..]).then_some(())?;
    let call = place
        .value()
        .split_once(sign)
        .map(|(left, right)| format!("{function}({}, {})", left.trim(), right.trim()));
    let call = call.filter(|call| expression(call) == call).unwrap_or_else(|| format!("{function}(a, b)"));
    place.mistake(
        place.at() - 1..place.at() + 1,
        format!("there is no operator `{sign}`"),
        format!("write `{call}`"),
    )
}
