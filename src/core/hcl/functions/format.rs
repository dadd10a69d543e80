//! `format` and `formatlist`, with the verbs of Terraform's.

use unicode_segmentation::UnicodeSegmentation as _;

use super::Arguments;
use crate::hcl::evaluate::{Result, wrong_type};
use crate::hcl::value::{Number, Value};

/// Widest field and most digits that are written.
const WIDEST: usize = 1000;

/// The text with each verb (`%s`, `%d`, `%05.1f`, `%[2]s`, …) filled in.
pub(super) fn format(arguments: &Arguments) -> Result<Value> {
    let values: Vec<&Value> = arguments.values.iter().skip(1).map(|(value, _)| value).collect();
    arguments.made(filled(arguments, &values)?)
}

/// One text for each element of the lists among the values, which are equally long; other values stand in each.
pub(super) fn format_list(arguments: &Arguments) -> Result<Value> {
    let mut columns: Vec<Vec<Value>> = Vec::new();
    let mut rows = None;
    for index in 1..arguments.values.len() {
        let is_list = matches!(arguments.value(index), Value::List(_) | Value::Set(_));
        let column = if is_list { arguments.elements(index)?.into_owned() } else { Vec::new() };
        if is_list && *rows.get_or_insert(column.len()) != column.len() {
            let message = format!("this list has {} elements, the first one has not", column.len());
            return Err(arguments.fail_at(index, message));
        }
        columns.push(column);
    }
    let row = |row: usize| {
        let values = columns
            .iter()
            .enumerate()
            .map(|(at, column)| column.get(row).unwrap_or_else(|| arguments.value(at + 1)));
        arguments.made(filled(arguments, &values.collect::<Vec<_>>())?)
    };
    (0..rows.unwrap_or(1)).map(row).collect::<Result<_>>().map(Value::List)
}

/// What stands between `%` and the verb.
#[derive(Default)]
struct Options {
    left: bool,
    plus: bool,
    space: bool,
    zeros: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
}

fn filled(arguments: &Arguments, values: &[&Value]) -> Result<String> {
    let pattern = arguments.string(0)?;
    let mut made = String::new();
    let (mut next, mut used) = (0, 0);
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        made.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            made.push('%');
            rest = after;
            continue;
        }
        let (options, index, verb, after) = specification(arguments, after)?;
        let at = index.unwrap_or(next);
        let Some(value) = values.get(at) else {
            let message = format!("`%{verb}` asks for value {}, and there are {}", at + 1, values.len());
            return Err(arguments.fail_at(0, message));
        };
        made.push_str(&verbalize(arguments, (value, at + 1), verb, &options)?);
        next = at + 1;
        used = used.max(next);
        rest = after;
    }
    made.push_str(rest);
    if used < values.len() {
        return Err(arguments.fail_at(used + 1, "the format has no verb for this value"));
    }
    Ok(made)
}

/// Options, position of the value from 0, verb, and what comes after it.
fn specification<'a>(
    arguments: &Arguments,
    text: &'a str,
) -> Result<(Options, Option<usize>, char, &'a str)> {
    let mut options = Options::default();
    let mut index = None;
    let mut rest = text;
    while let Some(flag) = rest.chars().next().filter(|flag| "-+ 0#".contains(*flag)) {
        match flag {
            '-' => options.left = true,
            '+' => options.plus = true,
            ' ' => options.space = true,
            '0' => options.zeros = true,
            _ => options.sharp = true,
        }
        rest = &rest[1..];
    }
    let number = |rest: &mut &str| -> Option<usize> {
        let digits = rest.len() - rest.trim_start_matches(|one: char| one.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        *rest = after;
        (digits > 0).then(|| number.parse().unwrap_or(usize::MAX))
    };
    if let Some(mut after) = rest.strip_prefix('[') {
        index = number(&mut after).and_then(|index| index.checked_sub(1));
        rest = after.strip_prefix(']').filter(|_| index.is_some()).ok_or_else(|| {
            arguments.fail_at(0, "between `[` and `]` stands the number of a value, from 1")
        })?;
    }
    options.width = number(&mut rest).unwrap_or(0).min(WIDEST);
    if let Some(mut after) = rest.strip_prefix('.') {
        options.precision = Some(number(&mut after).unwrap_or(0).min(WIDEST));
        rest = after;
    }
    let mut characters = rest.chars();
    let verb = characters.next().ok_or_else(|| arguments.fail_at(0, "the format ends after `%`"))?;
    Ok((options, index, verb, characters.as_str()))
}

/// A value, which is an argument at this position, as a verb writes it.
fn verbalize(
    arguments: &Arguments,
    (value, position): (&Value, usize),
    verb: char,
    options: &Options,
) -> Result<String> {
    let span = arguments.span_of(position);
    let text = || value.to_text().ok_or_else(|| wrong_type(span, "a string", value));
    let number = || super::as_number(value).ok_or_else(|| wrong_type(span, "a number", value));
    let whole = || -> Result<i64> {
        let number = number()?;
        number
            .as_integer()
            .ok_or_else(|| arguments.fail_at(position, format!("`{number}` is not a whole number")))
    };
    let written = match verb {
        'v' if options.sharp => json(arguments, value, position)?,
        'v' => match value {
            Value::String(text) => text.clone(),
            Value::Bool(truth) => truth.to_string(),
            Value::Number(number) => return Ok(padded(&signed(general(*number, None), options), options)),
            other => json(arguments, other, position)?,
        },
        's' => cut(&text()?, options.precision),
        'q' => serde_json::Value::from(cut(&text()?, options.precision)).to_string(),
        't' => {
            let truth = value.to_bool().ok_or_else(|| wrong_type(span, "`true` or `false`", value))?;
            return Ok(truth.to_string());
        }
        'd' => signed(whole()?.to_string(), options),
        'b' | 'o' | 'x' | 'X' => signed(in_base(whole()?, verb, options.sharp), options),
        'f' => signed(format!("{:.*}", options.precision.unwrap_or(6), number()?.as_f64()), options),
        'e' => signed(scientific(number()?.as_f64(), options.precision.unwrap_or(6)), options),
        'E' => signed(scientific(number()?.as_f64(), options.precision.unwrap_or(6)).to_uppercase(), options),
        'g' => signed(general(number()?, options.precision), options),
        'G' => signed(general(number()?, options.precision).to_uppercase(), options),
        other => return Err(arguments.fail_at(0, format!("the format has the unknown verb `%{other}`"))),
    };
    Ok(padded(&written, options))
}

fn json(arguments: &Arguments, value: &Value, position: usize) -> Result<String> {
    let json = value.to_json().map_err(|what| arguments.fail_at(position, format!("{what} has no text")))?;
    Ok(super::encoding::escaped(&json.to_string()))
}

fn cut(text: &str, precision: Option<usize>) -> String {
    precision.map_or_else(|| text.to_owned(), |most| text.graphemes(true).take(most).collect())
}

fn signed(number: String, options: &Options) -> String {
    match number.starts_with('-') {
        false if options.plus => format!("+{number}"),
        false if options.space => format!(" {number}"),
        _ => number,
    }
}

fn in_base(number: i64, verb: char, sharp: bool) -> String {
    let (sign, size) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
    let (mark, digits) = match verb {
        'b' => ("0b", format!("{size:b}")),
        'o' => ("0", format!("{size:o}")),
        'x' => ("0x", format!("{size:x}")),
        _ => ("0X", format!("{size:X}")),
    };
    format!("{sign}{}{digits}", if sharp { mark } else { "" })
}

/// `1.234568e+04`
fn scientific(number: f64, precision: usize) -> String {
    with_sign_of_exponent(&format!("{number:.precision$e}"))
}

/// The exponent has a sign and two digits.
fn with_sign_of_exponent(text: &str) -> String {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// With an exponent where that is shorter: `1000`, `1e+06`. Without a precision, the shortest text that is the number.
fn general(number: Number, precision: Option<usize>) -> String {
    let number = number.as_f64();
    let text = match precision {
        None => format!("{number:e}"),
        Some(digits) => format!("{number:.*e}", digits.max(1) - 1),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa =
        if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = mantissa.chars().filter(char::is_ascii_digit).count();
    let digits = i32::try_from(digits).unwrap_or(i32::MAX);
    let threshold = match precision {
        None => 6,
        Some(precision)
            if precision > 0
                && i32::try_from(precision).is_ok_and(|most| most > digits)
                && digits > exponent =>
        {
            digits
        }
        Some(precision) => i32::try_from(precision.max(1)).unwrap_or(i32::MAX),
    };
    if exponent < -4 || exponent >= threshold {
        return with_sign_of_exponent(&format!("{mantissa}e{exponent}"));
    }
    format!("{:.*}", usize::try_from(digits - 1 - exponent).unwrap_or(0), number)
}

fn padded(text: &str, options: &Options) -> String {
    let missing = options.width.saturating_sub(text.graphemes(true).count());
    if options.left {
        return format!("{text}{}", " ".repeat(missing));
    }
    if !options.zeros {
        return format!("{}{text}", " ".repeat(missing));
    }
    let (sign, rest) = text.split_at(usize::from(text.starts_with(['-', '+', ' '])));
    format!("{sign}{}{rest}", "0".repeat(missing))
}
