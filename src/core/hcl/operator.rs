//! Operators: arithmetic that never wraps, comparison, logic.

use std::cmp::Ordering;

use super::evaluate::{Evaluator, Failure, Result, as_number, both, wrong_type};
use super::tree::{Binary, BinaryOperator, Expression, ExpressionKind, Step};
use super::value::{Number, Value};
use crate::diagnostic::{Diagnostic, codes};
use crate::source::Span;

pub(super) fn not(evaluator: &mut Evaluator<'_>, operand: &Expression) -> Result<Value> {
    Ok(Value::Bool(!evaluator.condition(operand)?))
}

pub(super) fn negate(evaluator: &mut Evaluator<'_>, operand: &Expression) -> Result<Value> {
    let value = evaluator.evaluate(operand)?;
    let number = as_number(&value).ok_or_else(|| {
        let help = match value {
            Value::Reference(_) => Some("elements of a list have no `-` before them, but a `,` after each"),
            _ => None,
        };
        no_number(operand, &value, help.map(str::to_owned))
    })?;
    match number {
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
            let values = both(evaluator.evaluate(left), evaluator.evaluate(right))?;
            let number = |expression: &Expression, value: &Value| {
                as_number(value).ok_or_else(|| {
                    let joins = *operator == BinaryOperator::Plus && matches!(value, Value::String(_));
                    let help = joins.then(|| {
                        format!("text is joined in a template: `\"{}{}\"`", inserted(left), inserted(right))
                    });
                    no_number(expression, value, help)
                })
            };
            let sides = (number(left, &values.0)?, number(right, &values.1)?);
            return arithmetic(sides, *operator, right.span, span).map(Value::Number);
        }
    }))
}

fn compared(evaluator: &mut Evaluator<'_>, left: &Expression, right: &Expression) -> Result<Ordering> {
    let (left, right) = both(evaluator.number(left), evaluator.number(right))?;
    Ok(left.compare(right))
}

fn no_number(expression: &Expression, value: &Value, help: Option<String>) -> Failure {
    let findings = wrong_type(expression.span, "a number", value).findings().into_iter();
    Failure::Findings(findings.map(|finding| finding.maybe_help(help.clone())).collect())
}

/// How an expression is written inside of a string.
fn inserted(expression: &Expression) -> String {
    match &expression.kind {
        ExpressionKind::String(text) if !text.contains(['"', '\\', '\n', '\r', '\t', '$', '%']) => {
            text.clone()
        }
        ExpressionKind::Variable(name) => format!("${{{name}}}"),
        ExpressionKind::Traversal(root, steps) => {
            let ExpressionKind::Variable(root) = &root.kind else { return "${…}".to_owned() };
            let steps = steps.iter().map(|step| match step {
                Step::Attribute(name) => Some(format!(".{}", name.text)),
                _ => None,
            });
            let steps: Option<String> = steps.collect();
            steps.map_or_else(|| "${…}".to_owned(), |steps| format!("${{{root}{steps}}}"))
        }
        ExpressionKind::Binary(operation) if operation.operator == BinaryOperator::Plus => {
            format!("{}{}", inserted(&operation.left), inserted(&operation.right))
        }
        _ => "${…}".to_owned(),
    }
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

pub(super) fn overflow(span: Span) -> Failure {
    Diagnostic::error(codes::ARITHMETIC, span, "the result is too large").into()
}
