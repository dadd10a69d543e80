//! Days that are not written as days are: what was meant by them.

use crate::hcl::{BinaryOperator, Expression, ExpressionKind};
use crate::time::Timestamp;

/// The day that stands without quotes, and so is a number: `2027-12-31` or `20271231`.
pub(super) fn without_quotes(expression: &Expression) -> Option<String> {
    let (month, day) = match &expression.kind {
        ExpressionKind::Integer(digits) => return meant(&digits.to_string()),
        ExpressionKind::Binary(outer) if outer.operator == BinaryOperator::Minus => {
            (&outer.left, &outer.right)
        }
        _ => return None,
    };
    let ExpressionKind::Binary(inner) = &month.kind else { return None };
    match (&inner.left.kind, inner.operator, &inner.right.kind, &day.kind) {
        (
            ExpressionKind::Integer(year),
            BinaryOperator::Minus,
            ExpressionKind::Integer(month),
            ExpressionKind::Integer(day),
        ) => existing(&[&year.to_string(), &month.to_string(), &day.to_string()]),
        _ => None,
    }
}

/// The day that text in another form says, where there is only one that it can say.
pub(super) fn meant(text: &str) -> Option<String> {
    if let [year, month, day] = [text.get(..4)?, text.get(4..6)?, text.get(6..)?]
        && text.len() == 8
        && text.bytes().all(|byte| byte.is_ascii_digit())
    {
        return existing(&[year, month, day]);
    }
    let date = text.split(['T', ' ']).next()?;
    let parts: Vec<&str> = date.split(['-', '.', '/']).collect();
    match parts.as_slice() {
        [year, month, day] if year.len() == 4 => existing(&[year, month, day]),
        // Between slashes, the first may be the month.
        [day, month, year] if year.len() == 4 && !date.contains('/') => existing(&[year, month, day]),
        _ => None,
    }
}

/// The day, when the calendar has it.
fn existing([year, month, day]: &[&str; 3]) -> Option<String> {
    let day = format!("{year}-{month:0>2}-{day:0>2}");
    day.parse::<Timestamp>().is_ok().then_some(day)
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn a_day_is_understood_where_it_is_clear() {
        for text in ["20271231", "31.12.2027", "2027/12/31", "2027-12-31T08:00:00Z", "31-12-2027"] {
            assert_eq!(meant(text).as_deref(), Some("2027-12-31"), "{text}");
        }
        assert_eq!(meant("2027-1-5").as_deref(), Some("2027-01-05"));
        for text in ["", "next week", "1/2/2027", "2027-02-31", "20271331", "2027", "ä.1.2027", "1984"] {
            assert_eq!(meant(text), None, "{text}");
        }
    }
}
