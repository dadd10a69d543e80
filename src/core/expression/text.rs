//! The canonical text of an expression: one space around operators, no parentheses that change nothing.

use std::fmt::Write as _;

use super::ColumnName;
use super::tree::{Tree, TreeKind};
use crate::hcl::{BinaryOperator, Number};
use crate::model::member;

/// How tightly an operator binds, as HCL has it.
const fn strength(operator: BinaryOperator) -> u8 {
    match operator {
        BinaryOperator::Or => 1,
        BinaryOperator::And => 2,
        BinaryOperator::Eq | BinaryOperator::NotEq => 3,
        BinaryOperator::Less
        | BinaryOperator::LessEq
        | BinaryOperator::Greater
        | BinaryOperator::GreaterEq => 4,
        BinaryOperator::Plus | BinaryOperator::Minus => 5,
        BinaryOperator::Mul | BinaryOperator::Div | BinaryOperator::Mod => 6,
    }
}

const CONDITIONAL: u8 = 0;
const UNARY: u8 = 7;
const ATOM: u8 = 8;

impl Tree {
    /// The text that stands for it in registries and plans.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn binds(&self) -> u8 {
        match &self.kind {
            TreeKind::Conditional(_) => CONDITIONAL,
            TreeKind::Binary(operator, _) => strength(*operator),
            TreeKind::Not(_) | TreeKind::Negate(_) => UNARY,
            TreeKind::Number(number) if number.as_f64() < 0.0 => UNARY,
            _ => ATOM,
        }
    }

    /// Writes it, in parentheses where it binds less than `least`.
    fn write_binding(&self, least: u8, text: &mut String) {
        if self.binds() < least {
            text.push('(');
            self.write(text);
            text.push(')');
        } else {
            self.write(text);
        }
    }

    fn write(&self, text: &mut String) {
        match &self.kind {
            TreeKind::Null => text.push_str("null"),
            TreeKind::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
            TreeKind::Number(number) => write_number(*number, text),
            TreeKind::Text(inner) => {
                text.push('"');
                write_escaped(inner, text);
                text.push('"');
            }
            TreeKind::Column(column) => write_column(column, text),
            TreeKind::Not(inner) => {
                text.push('!');
                inner.write_binding(ATOM, text);
            }
            TreeKind::Negate(inner) => {
                text.push('-');
                inner.write_binding(ATOM, text);
            }
            TreeKind::Binary(operator, sides) => {
                let binds = strength(*operator);
                sides[0].write_binding(binds, text);
                // Writing to a `String` cannot fail.
                let _ = write!(text, " {operator} ");
                sides[1].write_binding(binds + 1, text);
            }
            TreeKind::Conditional(parts) => {
                parts[0].write_binding(CONDITIONAL + 1, text);
                text.push_str(" ? ");
                parts[1].write_binding(CONDITIONAL + 1, text);
                text.push_str(" : ");
                parts[2].write_binding(CONDITIONAL, text);
            }
            TreeKind::Call { name, arguments, .. } => {
                text.push_str(name);
                write_list('(', arguments, ')', text);
            }
            TreeKind::Index(parts) => {
                parts[0].write_binding(ATOM, text);
                text.push('[');
                parts[1].write(text);
                text.push(']');
            }
            TreeKind::Unresolved => text.push('…'),
            TreeKind::List(elements) => write_list('[', elements, ']', text),
            TreeKind::Template(parts) => {
                text.push('"');
                for part in parts {
                    if let TreeKind::Text(literal) = &part.kind {
                        write_escaped(literal, text);
                    } else {
                        text.push_str("${");
                        part.write(text);
                        text.push('}');
                    }
                }
                text.push('"');
            }
        }
    }
}

fn write_list(open: char, elements: &[Tree], close: char, text: &mut String) {
    text.push(open);
    for (position, element) in elements.iter().enumerate() {
        if position > 0 {
            text.push_str(", ");
        }
        element.write(text);
    }
    text.push(close);
}

/// Whole numbers without a point; others with as many digits as tell them apart from all others.
fn write_number(number: Number, text: &mut String) {
    let _ = match number {
        Number::Integer(value) => write!(text, "{value}"),
        Number::Float(value) if value.abs() >= 1e17 || (value != 0.0 && value.abs() < 1e-5) => {
            write!(text, "{value:e}")
        }
        Number::Float(value) => write!(text, "{value}"),
    };
}

fn write_column(column: &ColumnName, text: &mut String) {
    text.push_str(&column.source);
    text.push_str(&member(&column.name));
}

fn write_escaped(inner: &str, text: &mut String) {
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => {
                text.push(character);
                text.push(character);
            }
            control if control.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
}
