//! From text to the tree. The parser's own tree is dropped at once: it keeps every space and takes 30 KB an object.

use hcl::edit::expr::{self, Expression as Edited, ObjectKey, TraversalOperator, UnaryOperator};
use hcl::edit::structure::{BlockLabel, Body as EditedBody, Structure};
use hcl::edit::{Decorated, Ident, Span as _, parser};

use super::template;
use super::tree::{Attribute, Binary, Block, Body, Call, Expression, ExpressionKind, For, Name, Step};
use crate::diagnostic::{Diagnostic, codes};
use crate::source::{SourceId, Span};

/// The tree of a file. The parser stops at its first error.
pub(crate) fn parse_body(source: SourceId, text: &str) -> Result<Body, Box<Diagnostic>> {
    let (text, shift) = without_mark(text);
    let lower = Lower { source, shift };
    let body = parser::parse_body(text).map_err(|error| lower.syntax_error(text, &error))?;
    Ok(lower.body(body))
}

/// The tree of one expression that is all of the text.
pub(crate) fn parse_expression(source: SourceId, text: &str) -> Result<Expression, Box<Diagnostic>> {
    let lower = Lower { source, shift: 0 };
    let expression = parser::parse_expr(text).map_err(|error| lower.syntax_error(text, &error))?;
    Ok(lower.expression(&expression))
}

fn without_mark(text: &str) -> (&str, usize) {
    text.strip_prefix('\u{feff}').map_or((text, 0), |rest| (rest, text.len() - rest.len()))
}

pub(super) struct Lower {
    source: SourceId,
    /// Bytes of the file before the text that was parsed.
    shift: usize,
}

impl Lower {
    /// The parser's finding, in clearer words where its own are about its insides.
    fn syntax_error(&self, text: &str, error: &parser::Error) -> Box<Diagnostic> {
        let mut at = error.location().offset().min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let word =
            text[at..].find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(text.len() - at);
        let character = text[at..].chars().next().map_or(0, char::len_utf8);
        let span = self.span(Some(at..at + word.max(character)));
        let said = error.message();
        let (code, message) = if said.contains("redefined attribute") {
            (codes::REPEATED, "this attribute is set twice".to_owned())
        } else if said.contains("redefined object key") {
            (codes::REPEATED, "this key stands in its map twice".to_owned())
        } else if said.starts_with("invalid expression") {
            (codes::SYNTAX, "expected an expression".to_owned())
        } else if said.is_empty() {
            (codes::SYNTAX, "this is no HCL".to_owned())
        } else {
            (codes::SYNTAX, said.replace('\n', "; "))
        };
        let mut diagnostic = Diagnostic::error(code, span, message);
        let line = text[at..].lines().next().unwrap_or_default();
        if line.replace("\\\"", "").matches('"').count() % 2 == 1 {
            diagnostic = diagnostic.help("is the string on this line closed?");
        }
        Box::new(diagnostic.help("the rest of the file is not looked at until this is mended"))
    }

    pub(super) fn span(&self, range: Option<std::ops::Range<usize>>) -> Span {
        let range = range.unwrap_or_default();
        Span::new(self.source, range.start + self.shift..range.end + self.shift)
    }

    fn body(&self, edited: EditedBody) -> Body {
        let mut body = Body::default();
        for structure in edited {
            match structure {
                Structure::Attribute(attribute) => body.attributes.push(Attribute {
                    key: self.word(&attribute.key),
                    value: self.expression(&attribute.value),
                }),
                Structure::Block(block) => body.blocks.push(Block {
                    kind: self.word(&block.ident),
                    labels: block.labels.iter().map(|label| self.label(label)).collect(),
                    body: self.body(block.body),
                }),
            }
        }
        body
    }

    fn word(&self, word: &Decorated<Ident>) -> Name {
        Name { text: word.as_str().to_owned(), span: self.span(word.span()) }
    }

    fn label(&self, label: &BlockLabel) -> Name {
        Name { text: label.as_str().to_owned(), span: self.span(label.span()) }
    }

    pub(super) fn expression(&self, edited: &Edited) -> Expression {
        let span = self.span(edited.span());
        let kind = match edited {
            Edited::Null(_) => ExpressionKind::Null,
            Edited::Bool(value) => ExpressionKind::Bool(*value.value()),
            Edited::Number(number) => number.value().as_i64().map_or_else(
                || ExpressionKind::Float(number.value().as_f64().unwrap_or(f64::NAN)),
                ExpressionKind::Integer,
            ),
            Edited::String(text) => ExpressionKind::String(text.value().clone()),
            Edited::Array(array) => {
                ExpressionKind::List(array.iter().map(|element| self.expression(element)).collect())
            }
            Edited::Object(object) => {
                let entries =
                    object.iter().map(|(key, value)| (self.key(key), self.expression(value.expr())));
                ExpressionKind::Map(entries.collect())
            }
            Edited::StringTemplate(text) => ExpressionKind::Template(template::lower(self, text)),
            Edited::HeredocTemplate(text) => ExpressionKind::Template(template::lower(self, &text.template)),
            Edited::Parenthesis(inner) => return self.expression(inner.inner()),
            Edited::Variable(name) => ExpressionKind::Variable(name.as_str().to_owned()),
            Edited::Conditional(conditional) => ExpressionKind::Conditional(Box::new([
                self.expression(&conditional.cond_expr),
                self.expression(&conditional.true_expr),
                self.expression(&conditional.false_expr),
            ])),
            Edited::FuncCall(call) => ExpressionKind::Call(Box::new(self.call(call))),
            Edited::Traversal(traversal) => ExpressionKind::Traversal(
                Box::new(self.expression(&traversal.expr)),
                traversal.operators.iter().map(|step| self.step(step)).collect(),
            ),
            Edited::UnaryOp(operation) => {
                let operand = Box::new(self.expression(&operation.expr));
                match operation.operator.value() {
                    UnaryOperator::Neg => ExpressionKind::Negate(operand),
                    UnaryOperator::Not => ExpressionKind::Not(operand),
                }
            }
            Edited::BinaryOp(operation) => ExpressionKind::Binary(Box::new(Binary {
                left: self.expression(&operation.lhs_expr),
                operator: *operation.operator.value(),
                right: self.expression(&operation.rhs_expr),
            })),
            Edited::ForExpr(each) => ExpressionKind::For(Box::new(self.each(each))),
        };
        Expression { span, kind }
    }

    fn key(&self, key: &ObjectKey) -> Expression {
        match key {
            // A bare word is the key itself; a variable as a key stands in parentheses.
            ObjectKey::Ident(word) => Expression {
                span: self.span(word.span()),
                kind: ExpressionKind::String(word.as_str().to_owned()),
            },
            ObjectKey::Expression(expression) => match expression {
                Edited::Variable(word) => Expression {
                    span: self.span(expression.span()),
                    kind: ExpressionKind::String(word.as_str().to_owned()),
                },
                other => self.expression(other),
            },
        }
    }

    fn call(&self, call: &expr::FuncCall) -> Call {
        let namespace = call.name.namespace.iter().map(|part| format!("{}::", part.as_str()));
        let text = namespace.chain([call.name.name.as_str().to_owned()]).collect();
        Call {
            name: Name { text, span: self.span(call.name.name.span()) },
            arguments: call.args.iter().map(|argument| self.expression(argument)).collect(),
            expand: call.args.expand_final(),
        }
    }

    fn step(&self, step: &Decorated<TraversalOperator>) -> Step {
        let span = self.span(step.span());
        match step.value() {
            TraversalOperator::GetAttr(name) => Step::Attribute(self.word(name)),
            TraversalOperator::Index(index) => Step::Index(self.expression(index)),
            TraversalOperator::LegacyIndex(index) => {
                let kind =
                    i64::try_from(*index.value()).map_or(ExpressionKind::Null, ExpressionKind::Integer);
                Step::Index(Expression { span, kind })
            }
            TraversalOperator::AttrSplat(_) => Step::AttributeSplat(span),
            TraversalOperator::FullSplat(_) => Step::FullSplat(span),
        }
    }

    fn each(&self, each: &expr::ForExpr) -> For {
        For {
            key: each.intro.key_var.as_ref().map(|name| name.as_str().to_owned()),
            value: each.intro.value_var.as_str().to_owned(),
            collection: self.expression(&each.intro.collection_expr),
            result_key: each.key_expr.as_ref().map(|key| self.expression(key)),
            result: self.expression(&each.value_expr),
            group: each.grouping,
            condition: each.cond.as_ref().map(|condition| self.expression(&condition.expr)),
        }
    }
}
