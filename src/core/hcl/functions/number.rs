//! Functions of numbers.

use super::Arguments;
use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::evaluate::Result;
use crate::hcl::operator::overflow;
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

/// `range(limit)`, `range(start, limit)`, `range(start, limit, step)`; whole numbers only.
pub(super) fn range(arguments: &Arguments) -> Result<Value> {
    let first = arguments.integer(0)?;
    let (start, limit) =
        if arguments.values.len() == 1 { (0, first) } else { (first, arguments.integer(1)?) };
    let step = match arguments.values.len() {
        3 => arguments.integer(2)?,
        _ if limit < start => -1,
        _ => 1,
    };
    if step == 0 {
        return Err(arguments.fail_at(2, "a range cannot go on by 0"));
    }
    let mut elements = Vec::new();
    let mut next = Some(start);
    while let Some(number) = next.filter(|number| if step > 0 { *number < limit } else { *number > limit }) {
        if elements.len() == RANGE_LIMIT {
            let message = format!("this range has more than {RANGE_LIMIT} elements");
            return Err(Diagnostic::error(codes::LIMIT, arguments.span, message).into());
        }
        elements.push(Value::Number(Number::Integer(number)));
        next = number.checked_add(step);
    }
    Ok(Value::List(elements))
}
