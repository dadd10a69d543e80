//! Functions of numbers.

use super::Arguments;
use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::evaluate::{Result, as_number, wrong_type};
use crate::hcl::operator::{add, overflow};
use crate::hcl::value::{Number, Value};

/// Most elements that `range` makes, as in Terraform.
const RANGE_LIMIT: usize = 1024 * 16;

pub(super) fn abs(arguments: &Arguments) -> Result<Value> {
    Ok(Value::Number(match arguments.number(0)? {
        Number::Integer(value) => {
            Number::Integer(value.checked_abs().ok_or_else(|| overflow(arguments.span))?)
        }
        Number::Float(value) => Number::Float(value.abs()),
    }))
}

pub(super) fn ceil(arguments: &Arguments) -> Result<Value> {
    round(arguments, f64::ceil)
}

pub(super) fn floor(arguments: &Arguments) -> Result<Value> {
    round(arguments, f64::floor)
}

fn round(arguments: &Arguments, how: fn(f64) -> f64) -> Result<Value> {
    Ok(Value::Number(match arguments.number(0)? {
        whole @ Number::Integer(_) => whole,
        Number::Float(value) => Number::of(how(value)),
    }))
}

pub(super) fn min(arguments: &Arguments) -> Result<Value> {
    fold(arguments, std::cmp::Ordering::is_lt)
}

pub(super) fn max(arguments: &Arguments) -> Result<Value> {
    fold(arguments, std::cmp::Ordering::is_gt)
}

fn fold(arguments: &Arguments, better: fn(std::cmp::Ordering) -> bool) -> Result<Value> {
    let mut best = arguments.number(0)?;
    for index in 1..arguments.values.len() {
        let number = arguments.number(index)?;
        if better(number.compare(best)) {
            best = number;
        }
    }
    Ok(Value::Number(best))
}

/// A float that must be a number.
fn finite(arguments: &Arguments, value: f64) -> Result<Value> {
    if value.is_finite() { Ok(Value::Number(Number::of(value))) } else { Err(overflow(arguments.span)) }
}

/// The logarithm to a base.
pub(super) fn log(arguments: &Arguments) -> Result<Value> {
    let (number, base) = (arguments.number(0)?.as_f64(), arguments.number(1)?.as_f64());
    finite(arguments, number.ln() / base.ln())
}

pub(super) fn pow(arguments: &Arguments) -> Result<Value> {
    finite(arguments, arguments.number(0)?.as_f64().powf(arguments.number(1)?.as_f64()))
}

/// -1, 0 or 1, of a whole number.
pub(super) fn signum(arguments: &Arguments) -> Result<Value> {
    Ok(Value::Number(Number::Integer(arguments.integer(0)?.signum())))
}

/// The whole number that a text is in a base from 2 to 62; beyond 36, small and capital letters differ.
pub(super) fn parse_int(arguments: &Arguments) -> Result<Value> {
    let base = arguments.integer(1)?;
    if !(2..=62).contains(&base) {
        return Err(arguments.fail_at(1, "a base is a whole number from 2 to 62"));
    }
    let text = arguments.string(0)?;
    let wrong = || arguments.fail_at(0, format!("this is no whole number in base {base}"));
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut number = 0_i64;
    for digit in digits.bytes() {
        let value = i64::from(match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'z' => digit - b'a' + 10,
            b'A'..=b'Z' if base <= 36 => digit - b'A' + 10,
            b'A'..=b'Z' => digit - b'A' + 36,
            _ => return Err(wrong()),
        });
        if value >= base {
            return Err(wrong());
        }
        let next = number.checked_mul(base).and_then(|number| number.checked_add(sign * value));
        number = next.ok_or_else(|| overflow(arguments.span))?;
    }
    if digits.is_empty() { Err(wrong()) } else { Ok(Value::Number(Number::Integer(number))) }
}

/// Of a list that has numbers.
pub(super) fn sum(arguments: &Arguments) -> Result<Value> {
    let elements = arguments.elements(0)?;
    let mut numbers = elements.iter().map(|element| {
        as_number(element).ok_or_else(|| wrong_type(arguments.span_of(0), "numbers in the list", element))
    });
    let first = numbers.next().ok_or_else(|| arguments.fail_at(0, "an empty list has no sum"))??;
    let total = numbers.try_fold(first, |total, number| add(total, number?, arguments.span))?;
    Ok(Value::Number(total))
}

/// `range(limit)`, `range(start, limit)`, `range(start, limit, step)`.
pub(super) fn range(arguments: &Arguments) -> Result<Value> {
    let first = arguments.number(0)?;
    let zero = Number::Integer(0);
    let (start, limit) =
        if arguments.values.len() == 1 { (zero, first) } else { (first, arguments.number(1)?) };
    let down = limit.compare(start).is_lt();
    let step = match arguments.values.len() {
        3 => arguments.number(2)?,
        _ => Number::Integer(if down { -1 } else { 1 }),
    };
    if step == zero {
        return Err(arguments.fail_at(2, "a range cannot go on by 0"));
    }
    let (forward, backward) = (step.compare(zero).is_gt(), step.compare(zero).is_lt());
    let mut elements = Vec::new();
    let mut next = start;
    while forward && next.compare(limit).is_lt() || backward && next.compare(limit).is_gt() {
        if elements.len() == RANGE_LIMIT {
            let message = format!("this range has more than {RANGE_LIMIT} elements");
            return Err(Diagnostic::error(codes::LIMIT, arguments.span, message).into());
        }
        elements.push(Value::Number(next));
        // Nothing is beyond the largest number.
        let Ok(number) = add(next, step, arguments.span) else { break };
        next = number;
    }
    Ok(Value::List(elements))
}
