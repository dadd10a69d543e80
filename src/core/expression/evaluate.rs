//! Evaluating a typed expression over whole columns. A conditional evaluates each branch for the rows that take it only,
//! so that a branch that is not taken neither fails nor is counted.

use super::datum::{Cells, Datum, Kind, Vector};
use super::typed::{Node, Typed, widened};
use crate::hcl::BinaryOperator;
use crate::model::{Value, ValueType};

/// The values of an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// One for each row; none is null.
    pub values: Vec<Option<Value>>,
    /// Rows that have no value though nothing that they need is null: divisions by zero, overflows, bad casts.
    pub failures: u64,
}

/// Evaluates over all rows and casts to the declared type.
pub(super) fn evaluate(root: &Typed, columns: &[Vector], rows: usize, value_type: &ValueType) -> Evaluated {
    let mut evaluation = Evaluation { columns, failures: 0 };
    let all: Vec<usize> = (0..rows).collect();
    let result = evaluation.of(root, &all);
    let values = (0..rows)
        .map(|row| {
            let datum = result.get(row)?;
            let value = datum.into_value(value_type);
            evaluation.failures += u64::from(value.is_none());
            value
        })
        .collect();
    Evaluated { values, failures: evaluation.failures }
}

/// The value of an expression that reads no columns; none where it has none.
pub(super) fn constant(typed: &Typed) -> Result<Option<Datum>, NoValue> {
    let mut evaluation = Evaluation { columns: &[], failures: 0 };
    let value = evaluation.of(typed, &[0]).get(0);
    if evaluation.failures == 0 { Ok(value) } else { Err(NoValue) }
}

/// There is no value though nothing that it needs is null.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoValue;

struct Evaluation<'a> {
    columns: &'a [Vector],
    failures: u64,
}

impl Evaluation<'_> {
    /// The values for these rows, in their order.
    fn of(&mut self, typed: &Typed, rows: &[usize]) -> Vector {
        match &typed.node {
            Node::Constant(value) => Vector::of_data(&typed.kind, rows.iter().map(|_| value.clone())),
            Node::Column(position) => match self.columns.get(*position) {
                Some(column) => column.take(rows),
                None => Vector::of_data(&typed.kind, rows.iter().map(|_| None)),
            },
            Node::Widen(inner) => {
                let inner = self.of(inner, rows);
                Vector::of_data(
                    &Kind::Float,
                    (0..rows.len()).map(|row| inner.get(row).as_ref().and_then(widened)),
                )
            }
            Node::Not(inner) => {
                let inner = self.of(inner, rows);
                self.each(&Kind::Bool, rows.len(), &[inner], |values| {
                    values[0].truth().map(|value| Datum::Bool(!value))
                })
            }
            Node::Negate(inner) => {
                let operand = self.of(inner, rows);
                self.each(&typed.kind, rows.len(), &[operand], |values| match values[0] {
                    Datum::Integer(value) => value.checked_neg().map(Datum::Integer),
                    Datum::Float(value) => Some(Datum::Float(-value)),
                    _ => None,
                })
            }
            Node::Arithmetic(operator, sides) => {
                let (left, right) = (self.of(&sides[0], rows), self.of(&sides[1], rows));
                self.arithmetic(*operator, &left, &right)
            }
            Node::Compare(operator, sides) => {
                let sides = [self.of(&sides[0], rows), self.of(&sides[1], rows)];
                let operator = *operator;
                self.each(&Kind::Bool, rows.len(), &sides, |values| {
                    Some(Datum::Bool(compare(operator, &values[0], &values[1])))
                })
            }
            Node::Logic(operator, sides) => {
                let sides = [self.of(&sides[0], rows), self.of(&sides[1], rows)];
                let both = *operator == BinaryOperator::And;
                self.each(&Kind::Bool, rows.len(), &sides, |values| {
                    let (one, other) = (values[0].truth()?, values[1].truth()?);
                    Some(Datum::Bool(if both { one && other } else { one || other }))
                })
            }
            Node::Conditional(parts) => self.conditional(&typed.kind, parts, rows),
            Node::Coalesce(values) => self.coalesce(&typed.kind, values, rows),
            Node::IsNull(inner) => {
                let inner = self.of(inner, rows);
                Vector(Cells::Bool((0..rows.len()).map(|row| Some(inner.is_null(row))).collect()))
            }
            Node::Call(kernel, domains, arguments) => {
                let arguments: Vec<Vector> = arguments.iter().map(|one| self.of(one, rows)).collect();
                self.each(&typed.kind, rows.len(), &arguments, |values| {
                    let is_within = domains.iter().all(|domain| (domain.holds)(values));
                    if is_within { kernel(values) } else { None }
                })
            }
            Node::Index(parts) => {
                let parts = [self.of(&parts[0], rows), self.of(&parts[1], rows)];
                self.index(&typed.kind, rows.len(), &parts)
            }
            Node::Join(parts) => {
                let parts: Vec<Vector> = parts.iter().map(|one| self.of(one, rows)).collect();
                self.each(&Kind::Text, rows.len(), &parts, |values| {
                    values.iter().map(Datum::as_text).collect::<Option<String>>().map(Datum::text)
                })
            }
        }
    }

    /// Row by row where no argument is null; a row without a value is a failure.
    fn each(
        &mut self,
        kind: &Kind,
        rows: usize,
        arguments: &[Vector],
        kernel: impl Fn(&[Datum]) -> Option<Datum>,
    ) -> Vector {
        let mut values: Vec<Datum> = Vec::with_capacity(arguments.len());
        let mut failures = 0;
        let data = (0..rows).map(|row| {
            values.clear();
            for argument in arguments {
                values.push(argument.get(row)?);
            }
            let result = kernel(&values);
            failures += u64::from(result.is_none());
            result
        });
        let vector = Vector::of_data(kind, data);
        self.failures += failures;
        vector
    }

    fn arithmetic(&mut self, operator: BinaryOperator, left: &Vector, right: &Vector) -> Vector {
        fn zipped<T: Copy>(
            left: &[Option<T>],
            right: &[Option<T>],
            failures: &mut u64,
            operation: impl Fn(T, T) -> Option<T>,
        ) -> Vec<Option<T>> {
            let pairs = left.iter().zip(right);
            pairs
                .map(|(left, right)| {
                    let (left, right) = ((*left)?, (*right)?);
                    let result = operation(left, right);
                    *failures += u64::from(result.is_none());
                    result
                })
                .collect()
        }
        match (&left.0, &right.0) {
            (Cells::Integer(left), Cells::Integer(right)) => {
                let operation = |left: i64, right: i64| match operator {
                    BinaryOperator::Plus => left.checked_add(right),
                    BinaryOperator::Minus => left.checked_sub(right),
                    BinaryOperator::Mul => left.checked_mul(right),
                    _ => divides(&Datum::Integer(right)).then(|| left.wrapping_rem(right)),
                };
                Vector(Cells::Integer(zipped(left, right, &mut self.failures, operation)))
            }
            (Cells::Float(left), Cells::Float(right)) => {
                let operation = |left: f64, right: f64| float_arithmetic(operator, left, right);
                Vector(Cells::Float(zipped(left, right, &mut self.failures, operation)))
            }
            // Typing gives both sides one kind.
            _ => Vector(Cells::Float(Vec::new())),
        }
    }

    fn conditional(&mut self, kind: &Kind, parts: &[Typed; 3], rows: &[usize]) -> Vector {
        let conditions = self.of(&parts[0], rows);
        let truth = |at: usize| conditions.get(at).and_then(|datum| datum.truth());
        let chosen = |wanted: bool| -> Vec<usize> {
            (0..rows.len()).filter(|at| truth(*at) == Some(wanted)).collect()
        };
        let (yes, no) = (chosen(true), chosen(false));
        let rows_of = |places: &[usize]| -> Vec<usize> { places.iter().map(|at| rows[*at]).collect() };
        let then = self.of(&parts[1], &rows_of(&yes));
        let otherwise = self.of(&parts[2], &rows_of(&no));
        let mut data: Vec<Option<Datum>> = vec![None; rows.len()];
        for (places, values) in [(yes, then), (no, otherwise)] {
            for (position, at) in places.into_iter().enumerate() {
                data[at] = values.get(position);
            }
        }
        Vector::of_data(kind, data.into_iter())
    }

    fn coalesce(&mut self, kind: &Kind, values: &[Typed], rows: &[usize]) -> Vector {
        let mut data: Vec<Option<Datum>> = vec![None; rows.len()];
        let mut open: Vec<usize> = (0..rows.len()).collect();
        for value in values {
            if open.is_empty() {
                break;
            }
            let still: Vec<usize> = open.iter().map(|at| rows[*at]).collect();
            let found = self.of(value, &still);
            for (position, at) in open.iter().enumerate() {
                data[*at] = found.get(position);
            }
            open.retain(|at| data[*at].is_none());
        }
        Vector::of_data(kind, data.into_iter())
    }

    /// A null element is null; an index outside of the list has no value.
    fn index(&mut self, kind: &Kind, rows: usize, parts: &[Vector; 2]) -> Vector {
        let mut failures = 0;
        let data = (0..rows).map(|row| {
            let (Some(Datum::List(elements)), Some(index)) = (parts[0].get(row), parts[1].get(row)) else {
                return None;
            };
            match position(&index).and_then(|index| elements.get(index)) {
                Some(element) => element.clone(),
                None => {
                    failures += 1;
                    None
                }
            }
        });
        let vector = Vector::of_data(kind, data);
        self.failures += failures;
        vector
    }
}

/// Whether a number can be divided by this one.
pub(super) fn divides(divisor: &Datum) -> bool {
    !matches!(divisor, Datum::Integer(0)) && divisor.float() != Some(0.0)
}

/// The place of an element in its list.
pub(super) fn position(index: &Datum) -> Option<usize> {
    usize::try_from(index.integer()?).ok()
}

/// Division by zero and overflow have no value; NaN and infinities that came in go on.
fn float_arithmetic(operator: BinaryOperator, left: f64, right: f64) -> Option<f64> {
    let result = match operator {
        BinaryOperator::Plus => left + right,
        BinaryOperator::Minus => left - right,
        BinaryOperator::Mul => left * right,
        BinaryOperator::Div | BinaryOperator::Mod if !divides(&Datum::Float(right)) => return None,
        BinaryOperator::Div => left / right,
        _ => left % right,
    };
    let overflow = !result.is_finite() && left.is_finite() && right.is_finite();
    (!overflow).then_some(result)
}

fn compare(operator: BinaryOperator, left: &Datum, right: &Datum) -> bool {
    use std::cmp::Ordering;
    // NaN is equal to nothing and on no side of anything.
    let order = match (left, right) {
        (Datum::Integer(left), Datum::Integer(right)) | (Datum::Time(left), Datum::Time(right)) => {
            Some(left.cmp(right))
        }
        (Datum::Float(left), Datum::Float(right)) => left.partial_cmp(right),
        (Datum::Text(left), Datum::Text(right)) => Some(left.cmp(right)),
        (Datum::Bytes(left), Datum::Bytes(right)) => Some(left.cmp(right)),
        (Datum::Bool(left), Datum::Bool(right)) => Some(left.cmp(right)),
        _ => None,
    };
    match operator {
        BinaryOperator::Eq => order == Some(Ordering::Equal),
        BinaryOperator::NotEq => order != Some(Ordering::Equal),
        BinaryOperator::Less => order == Some(Ordering::Less),
        BinaryOperator::LessEq => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        BinaryOperator::Greater => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}
