//! Operators: arithmetic that never wraps, comparison, logic.

use std::cmp::Ordering;

use super::evaluate::{Evaluator, Result, both};
use super::tree::{Binary, BinaryOperator, Expression};
use super::value::{Number, Value};
use crate::diagnostic::{Diagnostic, codes};
use crate::source::Span;

pub(super) fn not(evaluator: &mut Evaluator<'_>, operand: &Expression) -> Result<Value> {
    Ok(Value::Bool(!evaluator.condition(operand)?))
}

pub(super) fn negate(evaluator: &mut Evaluator<'_>, operand: &Expression) -> Result<Value> {
    match evaluator.number(operand)? {
        Number::Integer(value) => {
            let negated = value.checked_neg().ok_or_else(|| overflow(operand.span))?;
            Ok(Value::Number(Number::Integer(negated)))
        }
        Number::Float(value) => Ok(Value::Number(Number::Float(-value))),
    }
}

pub(super) fn binary(evaluator: &mut Evaluator<'_>, operation: &Binary, span: Span) -> Result<Value> {
    let Binary { left, operator, right } = operation;
    Ok(Value::Bool(match operator {
        // The right side of a decided `&&` or `||` is not looked at.
        BinaryOperator::And => evaluator.condition(left)? && evaluator.condition(right)?,
        BinaryOperator::Or => evaluator.condition(left)? || evaluator.condition(right)?,
        BinaryOperator::Eq | BinaryOperator::NotEq => {
            let (left, right) = both(evaluator.evaluate(left), evaluator.evaluate(right))?;
            (left == right) == (*operator == BinaryOperator::Eq)
        }
        BinaryOperator::Less => compared(evaluator, left, right)?.is_lt(),
        BinaryOperator::LessEq => compared(evaluator, left, right)?.is_le(),
        BinaryOperator::Greater => compared(evaluator, left, right)?.is_gt(),
        BinaryOperator::GreaterEq => compared(evaluator, left, right)?.is_ge(),
        BinaryOperator::Plus
        | BinaryOperator::Minus
        | BinaryOperator::Mul
        | BinaryOperator::Div
        | BinaryOperator::Mod => {
            let sides = both(evaluator.number(left), evaluator.number(right))?;
            return arithmetic(sides, *operator, right.span, span).map(Value::Number);
        }
    }))
}

fn compared(evaluator: &mut Evaluator<'_>, left: &Expression, right: &Expression) -> Result<Ordering> {
    let (left, right) = both(evaluator.number(left), evaluator.number(right))?;
    Ok(left.compare(right))
}

fn arithmetic(
    (left, right): (Number, Number),
    operator: BinaryOperator,
    right_span: Span,
    span: Span,
) -> Result<Number> {
    let divides = matches!(operator, BinaryOperator::Div | BinaryOperator::Mod);
    if divides && right.as_f64() == 0.0 {
        return Err(Diagnostic::error(codes::ARITHMETIC, right_span, "division by zero").into());
    }
    if let (Number::Integer(a), Number::Integer(b)) = (left, right) {
        let exact = match operator {
            BinaryOperator::Plus => a.checked_add(b),
            BinaryOperator::Minus => a.checked_sub(b),
            BinaryOperator::Mul => a.checked_mul(b),
            BinaryOperator::Mod => a.checked_rem(b),
            // A quotient that is not whole is a fraction, as in Terraform.
            _ => match a.checked_rem(b) {
                Some(0) => a.checked_div(b),
                Some(_) => return Ok(Number::Float(left.as_f64() / right.as_f64())),
                None => None,
            },
        };
        return exact.map(Number::Integer).ok_or_else(|| overflow(span));
    }
    let (a, b) = (left.as_f64(), right.as_f64());
    let result = match operator {
        BinaryOperator::Plus => a + b,
        BinaryOperator::Minus => a - b,
        BinaryOperator::Mul => a * b,
        BinaryOperator::Mod => a % b,
        _ => a / b,
    };
    if result.is_finite() { Ok(Number::of(result)) } else { Err(overflow(span)) }
}

/// The sum of two numbers.
pub(super) fn add(left: Number, right: Number, span: Span) -> Result<Number> {
    arithmetic((left, right), BinaryOperator::Plus, span, span)
}

pub(super) fn overflow(span: Span) -> super::evaluate::Failure {
    Diagnostic::error(codes::ARITHMETIC, span, "the result is too large").into()
}
