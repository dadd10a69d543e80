//! What people write that is no HCL, and what to write instead. The parser says where it stopped; what stands there is
//! mostly one of a few habits from other languages.

use std::ops::Range;

use hcl::edit::parser::parse_expr;

mod call;
mod open;
mod operator;
mod stop;
mod text;
mod value;

pub(super) use open::string_above;
pub(super) use stop::{closes_nearly, inside_of_attribute, plainly, starts_attribute};

/// A mistake that is understood.
pub(super) struct Mistake {
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

/// The line on which the parser stopped.
struct Place<'a> {
    text: &'a str,
    /// Where the line begins.
    start: usize,
    line: &'a str,
    before: &'a str,
    rest: &'a str,
    /// The parser's words.
    said: &'a str,
}

/// The mistake at which the parser stopped, when it is a known one.
pub(super) fn mistake(text: &str, at: usize, said: &str) -> Option<Mistake> {
    let place = place(text, at, said)?;
    IN_TEXT.iter().chain(OTHERS).find_map(|is| is(&place))
}

/// The same of a place on a line that ends within a string.
pub(super) fn mistake_in_text(text: &str, at: usize, said: &str) -> Option<Mistake> {
    let place = place(text, at, said)?;
    IN_TEXT.iter().find_map(|is| is(&place))
}

fn place<'a>(text: &'a str, at: usize, said: &'a str) -> Option<Place<'a>> {
    // A parser may stop within a character.
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at))?;
    let start = text[..at].rfind('\n').map_or(0, |feed| feed + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let (before, rest) = line.split_at_checked(at - start)?;
    Some(Place { text, start, line, before, rest, said })
}

type Known = fn(&Place<'_>) -> Option<Mistake>;

/// Those in and around text.
const IN_TEXT: &[Known] = &[
    merge_conflict,
    text::escape,
    text::directive,
    text::heredoc,
    text::quotes,
    text::interpolation,
    text::interpolation_above,
    text::label,
    value::three_quotes,
];

const OTHERS: &[Known] = &[
    value::dollar,
    value::braces,
    value::number,
    text::number_with_letters,
    value::list_type,
    value::comprehension,
    value::prefix,
    value::path,
    value::lambda,
    operator::conditional,
    operator::words,
    operator::comparisons,
    operator::signs,
    operator::operators,
    call::with_point,
    call::with_names,
    call::tuple,
    call::without_parentheses,
    value::feature_name,
    value::part,
    value::names_in_index,
    value::declaration,
    value::point,
    open::bracket,
    equals_sign,
    comma,
    two_attributes,
    quoted_name,
    comment,
    brace,
    separator,
    typed_block,
    block_in_line,
    neighbours,
    no_value,
    open::brace,
    open::unfinished,
    operator::over_lines,
    value::words_without_quotes,
];

impl Place<'_> {
    fn at(&self) -> usize {
        self.start + self.before.len()
    }

    fn mistake(
        &self,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<Mistake> {
        Some(Mistake { range, message: message.into(), help: help.into() })
    }

    /// The mistake is the word, or the character, at which the parser stopped.
    fn here(&self, message: impl Into<String>, help: impl Into<String>) -> Option<Mistake> {
        self.mistake(self.at()..self.at() + token(self.rest), message, help)
    }

    /// The name that the line begins with, and what stands behind it.
    fn name(&self) -> Option<(&str, &str)> {
        let line = self.line.trim();
        let name = name_length(line);
        (name > 0).then(|| (&line[..name], line[name..].trim_start()))
    }

    /// What the line gives to an attribute.
    fn value(&self) -> &str {
        self.line.split_once('=').map_or("", |(_, value)| value.trim())
    }
}

/// Bytes of the word, or else of the character, that the text begins with.
pub(super) fn token(text: &str) -> usize {
    let word = text.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(text.len());
    word.max(text.chars().next().map_or(0, char::len_utf8))
}

fn name_length(text: &str) -> usize {
    let is_part = |next: char| next.is_alphanumeric() || matches!(next, '_' | '-');
    let length = text.find(|next: char| !is_part(next)).unwrap_or(text.len());
    if text.starts_with(|first: char| first.is_alphabetic() || first == '_') { length } else { 0 }
}

/// The text where it is an expression, else `…`.
fn expression(text: &str) -> &str {
    let text = text.trim().trim_end_matches([',', ';']).trim_end();
    if text.len() < 80 && parse_expr(text).is_ok() { text } else { "…" }
}

/// Where an operand ends that stands in no brackets.
fn ends_operand(next: char) -> bool {
    next.is_whitespace() || ",=!<>&|?:+*/%{}^~;".contains(next)
}

/// The operand that the text ends with: a name, a number, a text, a call.
fn last_operand(text: &str) -> &str {
    let text = text.trim_end();
    let (mut depth, mut in_string, mut start) = (0_usize, false, text.len());
    for (at, next) in text.char_indices().rev() {
        match next {
            '"' => in_string = !in_string,
            _ if in_string => {}
            ')' | ']' => depth += 1,
            '(' | '[' if depth == 0 => break,
            '(' | '[' => depth -= 1,
            other if depth == 0 && ends_operand(other) => break,
            _ => {}
        }
        start = at;
    }
    &text[start..]
}

/// The operand that the text begins with.
fn first_operand(text: &str) -> &str {
    let text = text.trim_start();
    let (mut depth, mut in_string) = (0_usize, false);
    for (at, next) in text.char_indices() {
        match next {
            '"' => in_string = !in_string,
            _ if in_string => {}
            '(' | '[' => depth += 1,
            ')' | ']' if depth == 0 => return &text[..at],
            ')' | ']' => depth -= 1,
            other if depth == 0 && ends_operand(other) => return &text[..at],
            _ => {}
        }
    }
    text
}

fn merge_conflict(place: &Place<'_>) -> Option<Mistake> {
    let marks = ["<<<<<<<", "=======", ">>>>>>>", "|||||||"];
    marks.iter().find(|mark| place.line.starts_with(**mark))?;
    place.mistake(
        place.start..place.start + place.line.len(),
        "two versions of this file were merged and differ here",
        "keep what is right, and remove the lines that begin with `<<<<<<<`, `=======` and `>>>>>>>`",
    )
}

/// `:`, `==` and `=>` instead of `=`.
fn equals_sign(place: &Place<'_>) -> Option<Mistake> {
    let (begins, length) = match place.rest.chars().next()? {
        ':' if place.said.contains("`=`") => (place.at(), 1 + usize::from(place.rest.starts_with(":="))),
        '=' | '>' if place.before.ends_with('=') => (place.at() - 1, 2),
        _ => return None,
    };
    let sign = &place.text[begins..begins + length];
    let before = place.line[..begins - place.start].trim_end();
    let name = &before[before.rfind([' ', '\t', '{', ',']).map_or(0, |at| at + 1)..];
    let after = &place.line[begins - place.start + length..];
    if after.trim_end().ends_with('{') && after.trim_start().starts_with('"') {
        let help = format!("write `{name} {}`", after.trim());
        return place.mistake(begins..begins + length, format!("a block has no `{sign}`"), help);
    }
    let value = match expression(after) {
        // In a map, more may follow.
        "…" => after.split([',', '}']).next().map_or("…", expression),
        whole => whole,
    };
    let help = format!("write `{name} = {value}`");
    place.mistake(begins..begins + length, format!("expected `=`, found `{sign}`"), help)
}

fn comma(place: &Place<'_>) -> Option<Mistake> {
    let sign = place.rest.chars().next().filter(|first| matches!(first, ',' | ';'))?;
    let behind = place.rest[1..].trim_start();
    let is_last = behind.is_empty() || behind.starts_with('#') || behind.starts_with("//");
    let in_body = place.said.contains("newline") && !place.said.contains("`,`");
    if !in_body {
        let is_list = ["`,`", "`]`", "`)`"].iter().any(|sign| place.said.contains(sign));
        (is_list && sign == ';').then_some(())?;
        return place.here("expected `,`, found `;`", "write a `,` between the two");
    }
    let help = if is_last {
        format!("remove the `{sign}`")
    } else {
        "a block in one line holds one attribute: give each a line of its own".to_owned()
    };
    place.here(format!("an attribute ends with its line, not with `{sign}`"), help)
}

fn two_attributes(place: &Place<'_>) -> Option<Mistake> {
    let is_another = place.rest[name_length(place.rest)..].trim_start().starts_with('=');
    (is_another && name_length(place.rest) > 0 && place.said.contains("newline")).then_some(())?;
    (place.before.contains('=')).then_some(())?;
    place.here(
        "expected the end of the line",
        "a block in one line holds one attribute: give each a line of its own",
    )
}

fn quoted_name(place: &Place<'_>) -> Option<Mistake> {
    (place.before.trim().is_empty() && place.rest.starts_with('"')).then_some(())?;
    let (name, behind) = place.rest[1..].split_once('"')?;
    let value = behind.trim_start().strip_prefix(['=', ':'])?;
    let value = expression(value.trim_start_matches('>'));
    (name_length(name) == name.len() && !name.is_empty()).then_some(())?;
    place.mistake(
        place.at()..place.at() + name.len() + 2,
        "the name of an attribute has no quotes",
        format!("write `{name} = {value}`"),
    )
}

fn comment(place: &Place<'_>) -> Option<Mistake> {
    if place.rest.starts_with("/*") && !place.text[place.at()..].contains("*/") {
        return place.mistake(
            place.at()..place.at() + 2,
            "this comment is not closed",
            "write `*/` where it ends",
        );
    }
    let line = place.line.trim_start();
    (place.before.trim().is_empty() && (line.starts_with("--") || line.starts_with(';'))).then_some(())?;
    place.here("a comment begins with `#`", "write `#` before it")
}

fn brace(place: &Place<'_>) -> Option<Mistake> {
    if place.rest.starts_with('}') && place.said == "unexpected token" {
        return place.here("this `}` closes nothing", "remove it, or look for a `{` that is missing above");
    }
    let below = place.text[place.start + place.line.len()..].trim_start();
    let (_, behind) = place.name()?;
    if !place.rest.trim().is_empty() || !place.said.contains("`{`") || behind.starts_with('=') {
        return None;
    }
    if below.starts_with('{') {
        let header = place.line.trim();
        return place.here("the `{` of a block stands on its first line", format!("write `{header} {{`"));
    }
    let (name, behind) = place.name()?;
    if expression(behind) == behind {
        return place.here(
            format!("neither `=` nor `{{` stands behind `{name}`"),
            format!(
                "write `{name} = {behind}` for an attribute, `{} {{ … }}` for a block",
                place.line.trim()
            ),
        );
    }
    behind.is_empty().then_some(())?;
    place.here(
        format!("`{name}` stands here alone"),
        format!("write `{name} = …` for an attribute, `{name} {{ … }}` for a block"),
    )
}

/// Elements of a list, or arguments, without a comma.
fn separator(place: &Place<'_>) -> Option<Mistake> {
    let begins_value = |next: char| next.is_alphanumeric() || matches!(next, '"' | '_' | '[' | '{');
    place.rest.starts_with(begins_value).then_some(())?;
    let close = match place.said {
        "expected `]`" => "`]`",
        "expected `)`" => "`)`",
        said if said.starts_with("invalid object item") => "`}`",
        _ => return None,
    };
    place.here(format!("expected `,` or {close}"), "write a `,` between the two")
}

/// `feature "a" = int64`, `feature "a": int64` and `feature a int64`.
fn typed_block(place: &Place<'_>) -> Option<Mistake> {
    let line = place.line.trim();
    let kind = ["feature", "field"].into_iter().find(|kind| line.starts_with(kind))?;
    let rest = line.strip_prefix(kind)?.trim_start();
    let (name, rest) = match rest.strip_prefix('"') {
        Some(rest) => rest.split_once('"')?,
        None => rest.split_at(name_length(rest)),
    };
    let value_type = rest.trim_start().trim_start_matches([':', '=']).trim();
    let is_type = value_type.parse::<crate::model::ValueType>().is_ok();
    (is_type && !name.is_empty() && name_length(name) == name.len()).then_some(())?;
    let begins = place.start + place.line.len() - place.line.trim_start().len();
    place.mistake(
        begins..begins + line.len(),
        format!("a `{kind}` is a block"),
        format!("write `{kind} \"{name}\" {{ type = {value_type} }}`"),
    )
}

/// A block within a block of one line.
fn block_in_line(place: &Place<'_>) -> Option<Mistake> {
    (place.said.starts_with("invalid attribute") && place.rest.starts_with('"')).then_some(())?;
    let open = place.before.rfind('{')?;
    let inner = &place.line[open + 1..];
    let from = place.start + place.line.len() - inner.trim_start().len();
    let end = place.start + place.line.trim_end().trim_end_matches('}').trim_end().len();
    place.mistake(
        from..end.max(from),
        "a block in one line holds one attribute, and no block",
        "write the inner block on a line of its own",
    )
}

/// Two blocks in one line, and a block with `=` or without braces.
fn neighbours(place: &Place<'_>) -> Option<Mistake> {
    if place.said == "expected newline or eof" && place.before.contains('}') && name_length(place.rest) > 0 {
        return place.here("a block ends with its line", "let the next one begin on a line of its own");
    }
    (place.said == "expected `{`").then_some(())?;
    let header = place.before.trim();
    let value = place.rest.strip_prefix('=')?.trim();
    let (outside, name) = header.rsplit_once(' ').unwrap_or(("", header));
    let (message, help) = if value == "{" {
        ("a block has no `=`", format!("write `{header} {{`"))
    } else if name_length(name) == name.len() {
        let value = expression(value);
        ("the inside of a block stands in braces", format!("write `{outside} {{ {name} = {value} }}`"))
    } else {
        ("a block has no `=`", format!("write `{header} {{ … }}`"))
    };
    place.here(message, help)
}

/// `name =` at the end of the text.
fn no_value(place: &Place<'_>) -> Option<Mistake> {
    let (name, behind) = place.name()?;
    (behind == "=").then_some(())?;
    let end = place.start + place.line.len();
    place.mistake(end..end, "expected an expression", format!("write what `{name}` is, behind the `=`"))
}

#[cfg(test)]
mod tests {
    use super::mistake;
    use crate::hcl::{parse_piece, pieces};
    use crate::source::SourceId;

    fn said(text: &str) -> String {
        let findings = pieces(SourceId::default(), text).filter_map(|piece| parse_piece(piece).err());
        findings.map(|finding| format!("{}: {}", finding.message, finding.help.join("; "))).collect()
    }

    #[test]
    fn what_looks_like_a_known_mistake_and_is_another_is_not_called_one() {
        for (text, not) in [
            ("a = \"${b + }\"\n", "not closed"),
            ("a = \"${b c}\"\n", "not closed"),
            ("a = [for b in c if d : e]\n", "?"),
            ("a = [1; 2]\n", "attribute"),
            ("a = \"b\" c = \"d\"\n", "string"),
            ("a = x7 d\n", "quotes"),
        ] {
            assert!(!said(text).is_empty() && !said(text).contains(not), "{text}: {}", said(text));
        }
        assert!(said("a = 2027-12-31T08:00:00Z\n").contains("write `\"2027-12-31T08:00:00Z\"`"));
        assert!(said("a = \"${f('b')}\"\n").contains("write `\"b\"`"));
        assert!(said("a = \"b").contains("a string is not closed on this line"));
    }

    /// Wherever a parser may stop, and whatever it may say there.
    #[test]
    fn places_are_within_the_text() {
        let texts = [
            "a = 'ä' 7d “ö",
            "a = \"\\ä ${ ü %{ ö\"",
            "ä = x and not y ?? z ** 2",
            "é == 1, => ; ü\n{",
            "a \"${ö}\" 'x",
            "<<<<<<< ä",
            "a {\n b = 1\n",
            "a = [ö for ö in ü] list<ä> $ö ${ö} 1,000 .5 7 days \"\"\"ö",
            "ö Ä = Ü Ö } ] é /* ä",
            "ä = é.ö(ü, \"ä)\") is not ö between é and ü",
            "ä = (ö, é) ** [ü ^ \"ö\"] & é | {ä, ö} ?: .. <> === += 5% +é",
            "ä = if é then ö else ü",
            "ä = case when é then ö else ü end",
            "ä = timedelta(ö=é, days=1) not in é \"ö\" r\"é\" lambda é: ö",
            "let ä = é:ö ./ä s3://é <<\"É\" <<É ö\n  ${é\nÉ",
            "feature \"ä\": int64\nfield ä = string",
            "ä = é +\n  ? ö\né = {{ ö }}",
            "expression = np.log(é) not é == ö not ü",
        ];
        let words = [
            "",
            "invalid expression",
            "expected `{`",
            "expected `}`",
            "expected `]`",
            "invalid unicode",
            "invalid escape sequence",
            "expected newline",
            "invalid structure; expected `{`, `=`",
            "unexpected token",
            "expected newline or eof",
            "expected `:`",
            "invalid object item; expected `}`, `,`",
            "invalid object value assignment; expected `=` or `:`",
            "expected `)` or expression",
            "expected `)`",
            "expected `=>`",
            "expected identifier",
            "invalid block body; expected `}`, newline or identifier",
            "invalid traversal operator; expected `*`",
        ];
        let mut found = 0;
        for text in texts {
            for (at, word) in (0..=text.len() + 1).flat_map(|at| words.map(|word| (at, word))) {
                let Some(mistake) = mistake(text, at, word) else { continue };
                assert!(text.get(mistake.range.clone()).is_some(), "{text}: {:?} at {at}", mistake.range);
                found += 1;
            }
        }
        assert!(found > 100, "{found}");
    }
}
