//! Mistakes in values: numbers as people write them, text without quotes, and forms of other languages.

use super::{Mistake, Place, expression, first_operand, last_operand, name_length};
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

/// `{{ value }}`.
pub(super) fn braces(place: &Place<'_>) -> Option<Mistake> {
    let open = place.before.rfind("{{")?;
    let (inner, _) = place.line[open + 2..].split_once("}}")?;
    let range = place.start + open..place.start + open + inner.len() + 4;
    let help = format!("write `{}`; in text, `${{…}}`", expression(inner));
    place.mistake(range, "a value stands without braces", help)
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
    let open = place.before.rfind(['[', '{'])?;
    let element = place.before[open + 1..].trim();
    let is_map = place.before[open..].starts_with('{');
    let head = place.rest.trim_end().strip_suffix(if is_map { '}' } else { ']' });
    let head = head.filter(|_| !element.is_empty())?;
    let (head, condition) = head.split_once(" if ").unwrap_or((head, ""));
    let condition = if condition.is_empty() { String::new() } else { format!(" if {condition}") };
    let (rewritten, form) = match element.split_once(':').filter(|_| is_map) {
        Some((key, value)) => {
            let (key, value) = (key.trim(), value.trim());
            let rewritten = format!("{{ {head} : {key} => {value}{condition} }}");
            (rewritten, "{ for element in list : key => value }")
        }
        None => (format!("[{head} : {element}{condition}]"), "[for element in list : element]"),
    };
    let form = Some(rewritten.as_str()).filter(|form| expression(form) == *form).unwrap_or(form);
    place.here("`for` stands before what is made of each element", format!("write `{form}`"))
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

/// A path or an address without quotes.
pub(super) fn path(place: &Place<'_>) -> Option<Mistake> {
    let begins = match place.rest.chars().next()? {
        '.' | '/' | '~' if place.before.trim_end().ends_with(['=', '[', ',', '(']) => place.before.len(),
        ':' if place.rest.starts_with("://") => {
            place.before.trim_end_matches(|last: char| last.is_alphanumeric()).len()
        }
        _ => return None,
    };
    let is_end = |next: char| next.is_whitespace() || matches!(next, ',' | ']' | ')' | '"');
    let end = place.line[begins..].find(is_end).map_or(place.line.len(), |end| begins + end);
    let written = &place.line[begins..end];
    (written.contains('/') && written.len() > 2).then_some(())?;
    let range = place.start + begins..place.start + end;
    place.mistake(range, "text stands in quotes", format!("write `\"{written}\"`"))
}

/// Feast's `view:feature`, without quotes.
pub(super) fn feature_name(place: &Place<'_>) -> Option<Mistake> {
    let view = place.rest.strip_prefix(':').map(|_| last_operand(place.before))?;
    let feature = place.rest.get(1..1 + name_length(&place.rest[1..]))?;
    let is_name = |name: &str| !name.is_empty() && name_length(name) == name.len();
    let in_other = ["?", "{", "for ", "lambda "].iter().any(|sign| place.before.contains(sign));
    (is_name(view) && is_name(feature) && place.before.contains(['=', '[']) && !in_other).then_some(())?;
    let written = if place.is_over_columns() {
        format!("{view}.{feature}")
    } else {
        format!("feature_view.{view}.{feature}")
    };
    let range = place.at() - view.len()..place.at() + 1 + feature.len();
    place.mistake(range, "a feature is named with a `.`", format!("write `{written}`"))
}

/// `x[1:3]`, as Python writes a part of a list or text.
pub(super) fn part(place: &Place<'_>) -> Option<Mistake> {
    (place.rest.starts_with(':') && place.said == "expected `]`").then_some(())?;
    let help = if place.is_over_columns() {
        "write `substr(text, offset, length)`"
    } else {
        "write `slice(list, from, to)`, or `substr(text, offset, length)`"
    };
    place.here("a part is taken by a function", help)
}

/// `view["a", "b"]`: several names in one index.
pub(super) fn names_in_index(place: &Place<'_>) -> Option<Mistake> {
    (place.rest.starts_with(',') && place.said == "expected `]`").then_some(())?;
    let open = place.before.rfind('[')?;
    let of = last_operand(&place.before[..open]);
    (!of.is_empty()).then_some(())?;
    let end = place.rest.find(']')?;
    let inner = &place.line[open + 1..place.before.len() + end];
    let range = place.start + open..place.at() + end + 1;
    // A name alone is that of a view, where it is not one of a loop or, over columns, of a source.
    let is_view = name_length(of) == of.len() && !place.is_over_columns() && !place.before.contains("for ");
    let of = if is_view { format!("feature_view.{of}") } else { of.to_owned() };
    let each: Vec<String> = inner.split(',').map(|index| format!("{of}[{}]", index.trim())).collect();
    let list = format!("[{}]", each.join(", "));
    let help = if expression(&list) == list {
        format!("write each by itself: `{}`", each.join(", "))
    } else {
        "write each by itself".to_owned()
    };
    place.mistake(range, "one index stands in brackets", help)
}

/// `r"\d"`: a letter before a text; two texts side by side.
pub(super) fn prefix(place: &Place<'_>) -> Option<Mistake> {
    place.rest.starts_with('"').then_some(())?;
    let letter = last_operand(place.before);
    if matches!(letter, "r" | "b" | "u" | "R" | "B" | "rb") && place.before.ends_with(letter) {
        let range = place.at() - letter.len()..place.at();
        return place.mistake(
            range,
            "text has no letter before it",
            "leave it out, and write `\\\\` for a `\\`",
        );
    }
    let first = place.before.trim_end();
    (first.ends_with('"') && place.said.contains("newline")).then_some(())?;
    let (one, other) = (last_operand(first), first_operand(place.rest));
    let joined = format!("{}{}", one.strip_suffix('"')?, other.strip_prefix('"')?);
    let joined = if expression(&joined) == joined { joined } else { "\"…\"".to_owned() };
    place.here("one text follows another", format!("write one: `{joined}`"))
}

/// `let a = 1`.
pub(super) fn declaration(place: &Place<'_>) -> Option<Mistake> {
    let (word, rest) = place.line.trim_start().split_once(' ')?;
    let name = &rest[..name_length(rest)];
    let value = rest[name.len()..].trim_start().strip_prefix('=').map(expression)?;
    (matches!(word, "let" | "var" | "const" | "local" | "set" | "export") && !name.is_empty())
        .then_some(())?;
    let begins = place.start + place.line.len() - place.line.trim_start().len();
    let help = format!("a value is named in a block `locals`: `locals {{ {name} = {value} }}`");
    place.mistake(begins..begins + word.len(), format!("there is no `{word}`"), help)
}

/// Several words where one value belongs, of which the parser stopped at the second: `lambda x: x`.
pub(super) fn lambda(place: &Place<'_>) -> Option<Mistake> {
    let at = place.value().starts_with("lambda ").then(|| place.line.find("lambda "))??;
    let help = if place.is_over_columns() {
        "an expression is what a lambda gives for one row: write that alone"
    } else {
        "an expression is written by itself: `[for element in list : element]` goes through a list"
    };
    place.mistake(place.start + at..place.start + at + 6, "there is no `lambda`", help)
}

/// A name that ends with a point.
pub(super) fn point(place: &Place<'_>) -> Option<Mistake> {
    let above = place.text[..place.start].trim_end();
    let is_cut = above.ends_with('.') && place.said.contains("newline") && place.rest.starts_with('=');
    is_cut.then_some(())?;
    place.mistake(
        above.len() - 1..above.len(),
        "a name belongs behind this `.`",
        "write it, or leave the `.` out",
    )
}
