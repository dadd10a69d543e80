//! Mistakes in and around text: quotes, escapes, `${`, labels, and text that has no quotes.

use super::{Mistake, Place, expression, name_length};
use crate::time::Duration;

pub(super) fn escape(place: &Place<'_>) -> Option<Mistake> {
    if place.said.starts_with("invalid unicode") {
        let wanted = if place.before.ends_with('U') { 8 } else { 4 };
        let digits = place.rest.bytes().take(wanted).take_while(u8::is_ascii_hexdigit).count();
        let written = format!("{}{}", &place.before[place.before.rfind('\\')?..], &place.rest[..digits]);
        let range = place.start + place.before.rfind('\\')?..place.at() + digits;
        return if digits == wanted {
            place.mistake(
                range,
                format!("`{written}` is no character"),
                "write the character itself, or its number in eight hexadecimal digits, as in `\\U0001f600`",
            )
        } else {
            place.mistake(
                range,
                format!("`{written}` has too few digits"),
                "`\\u` takes four hexadecimal digits, as in `\\u00e4`, and `\\U` eight",
            )
        };
    }
    if !place.said.starts_with("invalid escape") {
        return None;
    }
    // The parser has read the character behind the backslash.
    let backslash = place.before.rfind('\\')?;
    let next = place.line[backslash + 1..].chars().next()?;
    let message = format!("`\\{next}` has no meaning");
    let inner = place.before.rfind('"').and_then(|open| {
        let inside = &place.line[open + 1..];
        inside.split_once('"').map(|(inner, _)| inner)
    });
    let doubled = inner.map(|inner| format!("\"{}\"", inner.replace("\\\\", "\\").replace('\\', "\\\\")));
    let help = match doubled.filter(|doubled| expression(doubled) == doubled) {
        Some(doubled) => format!("a `\\` is written `\\\\`: `{doubled}`"),
        None => "a `\\` is written `\\\\`".to_owned(),
    };
    let start = place.start + backslash;
    place.mistake(start..start + 1 + next.len_utf8(), message, help)
}

pub(super) fn interpolation(place: &Place<'_>) -> Option<Mistake> {
    let open = place.before.rfind("${").filter(|open| !place.before[..*open].ends_with('$'))?;
    let inside = &place.before[open + 2..];
    let message = if inside.trim().is_empty() && place.said.starts_with("invalid expression") {
        "`${` begins a value, and none follows"
    } else if place.said.contains("`}`") && !inside.contains('}') && !place.rest.contains('}') {
        "the value that `${` begins is not closed by `}`"
    } else {
        return None;
    };
    let range = place.start + open..place.at() + place.rest.chars().next().map_or(0, char::len_utf8);
    place.mistake(range, message, "as text, `${` is written `$${`")
}

/// The same, where the value is not closed on its line.
pub(super) fn interpolation_above(place: &Place<'_>) -> Option<Mistake> {
    let above = &place.text[..place.start];
    let open =
        above.rfind("${").filter(|open| place.said.contains("`}`") && !above[..*open].ends_with('$'))?;
    let end = open + above[open..].find('\n')?;
    (!above[open..].contains('}')).then_some(())?;
    place.mistake(
        open..end,
        "the value that `${` begins is not closed by `}`",
        "as text, `${` is written `$${`",
    )
}

pub(super) fn directive(place: &Place<'_>) -> Option<Mistake> {
    let open = place.line.match_indices("%{").map(|(at, _)| at).find(|at| {
        let (before, inside) = (&place.line[..*at], &place.line[at + 2..]);
        let word = inside.trim_start_matches('~').trim_start();
        let known = ["if", "for", "else", "endif", "endfor"];
        let is_known = known.contains(&&word[..name_length(word)]);
        !before.ends_with('%') && before.matches('"').count() % 2 == 1 && !is_known
    })?;
    let word = place.line[open + 2..].trim_start();
    let range = place.start + open..place.start + place.line.len() - word.len() + name_length(word);
    place.mistake(
        range,
        "`%{` begins `if` or `for` in a string, and neither follows",
        "as text, `%{` is written `%%{`",
    )
}

pub(super) fn quotes(place: &Place<'_>) -> Option<Mistake> {
    const QUOTES: [char; 10] = ['\'', '`', '‘', '’', '‚', '“', '”', '„', '«', '»'];
    let open = place.rest.chars().next().filter(|first| QUOTES.contains(first))?;
    let inside = &place.rest[open.len_utf8()..];
    // `'it's'` goes on behind the quote within the word.
    let ends = inside
        .match_indices(QUOTES)
        .filter(|(at, quote)| !inside[at + quote.len()..].starts_with(|next: char| next.is_alphanumeric()));
    let end = ends.map(|(at, _)| at).next();
    let close = end.and_then(|end| inside[end..].chars().next()).map_or(0, char::len_utf8);
    let inner = &inside[..end.unwrap_or(inside.len())];
    let quoted = format!("\"{inner}\"");
    let help = if end.is_some() && expression(&quoted) == quoted {
        format!("write `{quoted}`")
    } else {
        "write `\"` before and after it".to_owned()
    };
    let range = place.at()..place.at() + open.len_utf8() + inner.len() + close;
    place.mistake(range, "text stands between straight double quotes", help)
}

pub(super) fn label(place: &Place<'_>) -> Option<Mistake> {
    if place.said != "expected `{`" || !place.rest.starts_with('"') {
        return None;
    }
    let end = place.rest[1..].find('"')? + 2;
    let written = &place.rest[..end];
    let only = written.strip_prefix("\"${").and_then(|rest| rest.strip_suffix("}\""));
    let name = only.filter(|only| expression(only) == *only).unwrap_or_else(|| expression(written));
    written.contains("${").then_some(())?;
    place.mistake(
        place.at()..place.at() + end,
        "a label is plain text",
        format!("give the block a label of letters, and in it write `name = {name}`"),
    )
}

/// `7d`, `2027-12-31T00:00:00Z`, and whatever else begins with digits and goes on with letters.
pub(super) fn number_with_letters(place: &Place<'_>) -> Option<Mistake> {
    if !place.before.ends_with(|last: char| last.is_ascii_digit()) || name_length(place.rest) == 0 {
        return None;
    }
    let is_part = |next: char| next.is_alphanumeric() || matches!(next, '_' | '-' | ':' | '.');
    let begins = place.before.trim_end_matches(is_part).len();
    let end = place.rest.find(|next: char| !is_part(next)).unwrap_or(place.rest.len());
    let written = format!("{}{}", &place.before[begins..], &place.rest[..end]);
    if !written.starts_with(|first: char| first.is_ascii_digit()) {
        let (view, feature) = written.rsplit_once('.')?;
        let begins = place.start + begins + view.len();
        feature.starts_with(|first: char| first.is_ascii_digit()).then_some(())?;
        return place.mistake(
            begins..place.at() + end,
            "a name that begins with a digit stands in brackets",
            format!("write `{view}[\"{feature}\"]`"),
        );
    }
    let range = place.start + begins..place.at() + end;
    match Duration::meant(&written) {
        // As written, where that is right.
        Some(_) if written.parse::<Duration>().is_ok() => {
            place.mistake(range, "a duration stands in quotes", format!("write `\"{written}\"`"))
        }
        Some(meant) => place.mistake(range, "a duration stands in quotes", format!("write `\"{meant}\"`")),
        None => place.mistake(range, "text stands in quotes", format!("write `\"{written}\"`")),
    }
}

/// What stands in the way of the marker of a heredoc.
pub(super) fn heredoc(place: &Place<'_>) -> Option<Mistake> {
    let open = place.before.rfind("<<")?;
    let behind = place.line[open + 2..].trim_start_matches(['-', '~']);
    let word: String = behind.chars().filter(|next| next.is_alphanumeric() || *next == '_').collect();
    let begins = behind.trim_start_matches(['"', '\'', ' ']);
    let marker = &begins[..name_length(begins)];
    if place.said == "expected identifier" && !marker.is_empty() {
        let range = place.start + open..place.start + place.line.trim_end().len();
        let help = format!("write `<<-{marker}`, and the text on the lines below");
        return place.mistake(range, "behind `<<` or `<<-` stands a word, without quotes and spaces", help);
    }
    (place.said == "expected newline" && !word.is_empty()).then_some(())?;
    let rest = place.rest.trim_start();
    let begins = place.start + place.line.len() - rest.len();
    place.mistake(
        begins..begins + rest.trim_end().len().max(1).min(place.line.len()),
        "nothing may stand behind the word that begins a text of several lines",
        format!("write it on the line below `{}`", place.before[open..].trim()),
    )
}
