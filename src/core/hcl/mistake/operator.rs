//! Operators and words of other languages between values, and conditionals as they write them.

use super::{Mistake, Place, expression, first_operand, last_operand, name_length};

impl Place<'_> {
    /// Whether the line gives an expression over columns, which has functions of its own.
    pub(super) fn is_over_columns(&self) -> bool {
        self.name().is_some_and(|(name, _)| name == "expression")
    }

    /// The value of the line with its part between these two places, counted from the start of the line, written otherwise:
    /// all of it where that is an expression, else the part, else the form.
    pub(super) fn rewritten(&self, from: usize, to: usize, part: &str, form: &str) -> String {
        let value = self.line.find('=').map(|sign| sign + 1).filter(|begins| *begins <= from);
        let whole = value.and_then(|begins| {
            Some(format!("{}{part}{}", self.line.get(begins..from)?, self.line.get(to..)?))
        });
        let whole = whole.as_deref().map(str::trim).filter(|whole| expression(whole) == *whole);
        whole.unwrap_or_else(|| if expression(part) == part { part } else { form }).to_owned()
    }

    /// What to write for an operator or word of other languages that stands between the ends of these two texts.
    fn infix(&self, before: &str, after: &str, form: &str, write: impl Fn(&str, &str) -> String) -> String {
        let (left, right) = (last_operand(before), first_operand(after));
        if left.is_empty() || right.is_empty() {
            return form.to_owned();
        }
        let from = before.trim_end().len() - left.len();
        let to = self.line.len() - after.trim_start().len() + right.len();
        self.rewritten(from, to, &write(left, right), form)
    }
}

/// `and`, `or` and `not`, also where only the word before is one.
pub(super) fn words(place: &Place<'_>) -> Option<Mistake> {
    let after = &place.rest[..name_length(place.rest)];
    let is_not = place.before.trim_end().ends_with(" not");
    let (word, operator) = match after.to_lowercase().as_str() {
        "and" => (after, "&&"),
        "or" => (after, "||"),
        _ if is_not => ("not", "!"),
        _ => return None,
    };
    let begins = if is_not { place.before.rfind("not")? } else { place.before.len() };
    // A longer one is not written out.
    let value = Some(place.value()).filter(|value| value.len() < 200).unwrap_or("…");
    let rewritten = without_not(&format!(" {value} "))
        .replace(" and ", " && ")
        .replace(" or ", " || ")
        .replace(" AND ", " && ")
        .replace(" OR ", " || ");
    let rewritten = rewritten.trim();
    let help = if !value.contains('"') && expression(rewritten) == rewritten {
        format!("write `{rewritten}`")
    } else {
        format!("write `{operator}`")
    };
    let range = place.start + begins..place.start + begins + word.len();
    place.mistake(range, format!("`{word}` is written `{operator}`"), help)
}

/// With `!` for `not`, which binds less: what it is said of gets parentheses.
fn without_not(text: &str) -> String {
    let Some((before, after)) = text.split_once(" not ") else { return text.to_owned() };
    let ends = [" and ", " or ", " ? "].iter().filter_map(|end| after.find(end)).min();
    let (condition, rest) = after.split_at(ends.unwrap_or(after.len()));
    let condition = condition.trim();
    let condition = if condition.contains(' ') { format!("!({condition})") } else { format!("!{condition}") };
    format!("{before} {condition} {}", without_not(rest).trim_start())
}

/// Python's `a if condition else b`, `if condition then a else b`, and SQL's `CASE`.
pub(super) fn conditional(place: &Place<'_>) -> Option<Mistake> {
    let message = "a conditional is written `condition ? a : b`";
    let form = "condition ? a : b";
    let value = place.value();
    let lower = value.to_ascii_lowercase();
    if let Some(start) = ["if ", "if(", "case when "].iter().find(|start| lower.starts_with(**start)) {
        let begins = place.line.len() - place.line.split_once('=')?.1.trim_start().len();
        (place.said.contains("newline") && begins <= place.before.len()).then_some(())?;
        let skipped = if start.ends_with('(') { start.len() - 1 } else { start.len() };
        let help = format!("write `{}`", statement(&value[skipped..]).unwrap_or_else(|| form.to_owned()));
        return place.mistake(place.start + begins..place.start + begins + skipped, message, help);
    }
    if &place.rest[..name_length(place.rest)] != "if" || place.before.contains("for ") {
        return None;
    }
    let rewritten = value.split_once(" if ").and_then(|(then, rest)| {
        let (condition, otherwise) = rest.split_once(" else ")?;
        Some(format!("{condition} ? {then} : {otherwise}"))
    });
    let rewritten = rewritten.filter(|rewritten| expression(rewritten) == rewritten);
    place.here(
        "the condition stands before the values",
        format!("write `{}`", rewritten.as_deref().unwrap_or(form)),
    )
}

/// `condition then a else b`, and with braces or colons, as a conditional.
fn statement(text: &str) -> Option<String> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    // Of the same length: only ASCII letters change.
    let text = if lower.ends_with(" end") { &text[..text.len() - 4] } else { text };
    let otherwise = lower.find(" else")?;
    let sign = [" then ", " {", ": "].iter().find_map(|sign| lower.find(sign).map(|at| (at, sign.len())));
    let (then, length) = sign.filter(|(at, length)| at + length <= otherwise)?;
    let inner =
        |part: &str| part.trim().trim_start_matches([':', '{']).trim_end_matches('}').trim().to_owned();
    let condition = inner(&text[..then]);
    let (then, otherwise) = (inner(&text[then + length..otherwise]), inner(text.get(otherwise + 5..)?));
    let rewritten = format!("{condition} ? {then} : {otherwise}");
    (expression(&rewritten) == rewritten).then_some(rewritten)
}

/// Python's and SQL's `in`, `is` and `between`, and `f"…"`.
pub(super) fn comparisons(place: &Place<'_>) -> Option<Mistake> {
    if place.before.contains("for ") {
        return None;
    }
    let word = &place.rest[..name_length(place.rest)];
    let after = &place.rest[word.len()..];
    let rest = |skipped: &str| after.trim_start().strip_prefix(skipped).filter(|rest| rest.starts_with(' '));
    let over_columns = place.is_over_columns();
    let null = |left: &str, is_not: bool| match (over_columns, is_not) {
        (true, false) => format!("is_null({left})"),
        (true, true) => format!("!is_null({left})"),
        (false, false) => format!("{left} == null"),
        (false, true) => format!("{left} != null"),
    };
    let is_null = |right: &str| matches!(right, "None" | "null" | "NULL" | "Null" | "nil");
    match word.to_ascii_lowercase().as_str() {
        "in" => {
            let written = place.infix(place.before, after, "contains(list, element)", |element, list| {
                format!("contains({list}, {element})")
            });
            place.here("`in` stands only in `for`", format!("write `{written}`"))
        }
        "not" => {
            let after = rest("in").or_else(|| rest("IN"))?;
            let written = place.infix(place.before, after, "!contains(list, element)", |element, list| {
                format!("!contains({list}, {element})")
            });
            place.here("`in` stands only in `for`", format!("write `{written}`"))
        }
        "is" => {
            let is_not = rest("not").or_else(|| rest("NOT"));
            let (sign, form) = if is_not.is_some() { ("!=", "a != b") } else { ("==", "a == b") };
            let written = place.infix(place.before, is_not.unwrap_or(after), form, |left, right| {
                if is_null(right) { null(left, is_not.is_some()) } else { format!("{left} {sign} {right}") }
            });
            place.here("there is no `is`", format!("write `{written}`"))
        }
        "between" => {
            let form = "a >= least && a <= most";
            let low = first_operand(after);
            let most = after.trim_start().strip_prefix(low)?.trim_start();
            let most = most.strip_prefix("and ").or_else(|| most.strip_prefix("AND "))?;
            let written = place
                .infix(place.before, most, form, |left, high| format!("{left} >= {low} && {left} <= {high}"));
            place.here("there is no `between`", format!("write `{written}`"))
        }
        _ if place.rest.starts_with('"') && place.before.ends_with(" f") => {
            let rewritten = place.rest.replace('{', "${");
            let rewritten =
                if expression(&rewritten) == rewritten { &rewritten } else { "\"text ${value}\"" };
            let help = format!("write `{rewritten}`");
            place.mistake(place.at() - 1..place.at(), "a value stands in any string as `${…}`", help)
        }
        _ => None,
    }
}

/// A sign, what is written for it, and how that is made of the two sides.
type Sign = (&'static str, &'static str, fn(&str, &str) -> String);

const SIGNS: [Sign; 12] = [
    ("**", "pow(a, b)", |left, right| format!("pow({left}, {right})")),
    ("^", "pow(a, b)", |left, right| format!("pow({left}, {right})")),
    ("??", "coalesce(a, b)", |left, right| format!("coalesce({left}, {right})")),
    ("?:", "coalesce(a, b)", |left, right| format!("coalesce({left}, {right})")),
    ("<>", "a != b", |left, right| format!("{left} != {right}")),
    ("!==", "a != b", |left, right| format!("{left} != {right}")),
    ("===", "a == b", |left, right| format!("{left} == {right}")),
    ("~=", "a == b", |left, right| format!("{left} == {right}")),
    ("?.", "a.b", |left, right| format!("{left}.{right}")),
    ("..", "a.b", |left, right| format!("{left}.{right}")),
    ("&", "a && b", |left, right| format!("{left} && {right}")),
    ("|", "a || b", |left, right| format!("{left} || {right}")),
];

/// Signs of other languages.
pub(super) fn operators(place: &Place<'_>) -> Option<Mistake> {
    // The parser may have read the first characters of the sign, and spaces behind it.
    let (sign, form, write, begins) = SIGNS.iter().find_map(|(sign, form, write)| {
        let read = (0..sign.len())
            .find(|read| place.before.ends_with(&sign[..*read]) && place.rest.starts_with(&sign[*read..]));
        let before = place.before.trim_end();
        let begins = match read {
            Some(read) => place.before.len() - read,
            None if sign.len() == 1 && before.ends_with(sign) => before.len() - 1,
            None => return None,
        };
        Some((*sign, *form, write, begins))
    })?;
    let (before, after) = (&place.line[..begins], &place.line[begins + sign.len()..]);
    // `x ? : y` leaves a value out, and a list may begin with nothing.
    (!last_operand(before).is_empty()).then_some(())?;
    let written = place.infix(before, after, form, write);
    let range = place.start + begins..place.start + begins + sign.len();
    place.mistake(range, format!("there is no operator `{sign}`"), format!("write `{written}`"))
}

/// `a += 1`, `x = 1` within a value, `50%`, and a sign before a number.
pub(super) fn signs(place: &Place<'_>) -> Option<Mistake> {
    let assigns = ["+=", "-=", "*=", "/=", "||=", "&&=", "??=", ".="];
    if let Some(sign) = assigns.iter().find(|sign| place.rest.starts_with(**sign))
        && place.said.starts_with("invalid structure")
    {
        let name = place.before.trim();
        let help = match *sign {
            "+=" => format!(
                "an attribute is set once: write all of it as `{name} = …`, with `concat(…)` for lists and `merge(…)` for maps"
            ),
            _ => format!("an attribute is set once: write all of it as `{name} = …`"),
        };
        return place.mistake(place.at()..place.at() + sign.len(), format!("there is no `{sign}`"), help);
    }
    if place.rest.starts_with('"') && place.before.trim_end().ends_with('.') {
        let at = place.start + place.before.trim_end().len() - 1;
        return place.mistake(at..at + 1, "texts are not joined by `.`", "write a template: `\"${a}${b}\"`");
    }
    if place.rest.starts_with('=')
        && !place.rest.starts_with("=>")
        && place.said.contains("newline")
        && place.before.contains('=')
    {
        let written =
            place.infix(place.before, &place.rest[1..], "a == b", |left, right| format!("{left} == {right}"));
        return place.here("`=` gives a value to an attribute", format!("to compare, write `{written}`"));
    }
    let before = place.before.trim_end();
    if place.said.starts_with("invalid expression")
        && let Some(number) = before.strip_suffix('%').map(last_operand)
        && let Ok(percent) = number.parse::<u32>()
        && first_operand(place.rest).is_empty()
    {
        let share = f64::from(percent) / 100.0;
        let range = place.start + before.len() - number.len() - 1..place.start + before.len();
        return place.mistake(range, "there is no `%` behind a number", format!("write `{share}`"));
    }
    if place.said.starts_with("invalid expression")
        && let Some(behind) = place.rest.strip_prefix('+')
        && !first_operand(behind).is_empty()
    {
        return place.here("a `+` stands between two numbers", "leave it out");
    }
    None
}

/// An operator at the end of a line, or at the beginning of one.
pub(super) fn over_lines(place: &Place<'_>) -> Option<Mistake> {
    let help =
        "write all of it on one line, or in parentheses, in which it may go on over lines: `name = ( … )`";
    let signs = ["&&", "||", "==", "!=", ">=", "<=", "?", ":", "+", "*", "/", "%", "<", ">", "\\", "-"];
    let before = place.before.trim();
    let is_over = place.rest.trim().is_empty() || place.rest.starts_with(['#', '\\']);
    if is_over && place.said.starts_with("invalid expression") {
        let sign = signs.iter().find(|sign| before.ends_with(**sign) || place.rest.starts_with(**sign))?;
        let at = place.start + place.before.trim_end().len();
        let range =
            if place.rest.starts_with(*sign) { place.at()..place.at() + 1 } else { at - sign.len()..at };
        return place.mistake(range, format!("nothing follows this `{sign}` on its line"), help);
    }
    let above = place.text[..place.start].trim_end();
    let begins = place.rest.chars().next().filter(|first| "&|=!<>?:+*/%.".contains(*first))?;
    let goes_on = before.is_empty()
        && place.said.starts_with("invalid block body")
        && !above.ends_with(['{', '}', '[', ',', '(']);
    goes_on.then_some(())?;
    place.here(format!("a line cannot begin with `{begins}`: a value ends with its line"), help)
}
