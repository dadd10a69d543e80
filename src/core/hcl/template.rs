//! Templates: lowering them (with `~` taking spaces away) and filling them in.

use hcl::edit::template::{Directive, Element, Strip};

use super::evaluate::{Evaluator, Result};
use super::parse::Lower;
use super::tree::{Expression, Part};
use super::value::Value;
use crate::diagnostic::{Diagnostic, codes};
use crate::source::Span;

/// Longest text that an expression may make, in bytes.
pub(super) const TEXT_LIMIT: usize = 16 << 20;

pub(super) fn lower<'a>(lower: &Lower, elements: impl IntoIterator<Item = &'a Element>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut strip_next = false;
    for element in elements {
        let (part, before, after) = match element {
            Element::Literal(text) => {
                let text = if strip_next { text.trim_start() } else { text.as_str() };
                parts.push(Part::Literal(text.to_owned()));
                strip_next = false;
                continue;
            }
            Element::Interpolation(interpolation) => {
                let (before, after) = sides(interpolation.strip);
                (Part::Interpolation(lower.expression(&interpolation.expr)), before, after)
            }
            Element::Directive(directive) => directive_part(lower, directive),
        };
        if before {
            trim_end(&mut parts);
        }
        strip_next = after;
        parts.push(part);
    }
    parts
}

const fn sides(strip: Strip) -> (bool, bool) {
    match strip {
        Strip::None => (false, false),
        Strip::Start => (true, false),
        Strip::End => (false, true),
        Strip::Both => (true, true),
    }
}

fn directive_part(outer: &Lower, directive: &Directive) -> (Part, bool, bool) {
    match directive {
        Directive::If(directive) => {
            let (before, then_start) = sides(directive.if_expr.strip);
            let (end, after) = sides(directive.endif_expr.strip);
            let mut then = lower(outer, &directive.if_expr.template);
            let mut otherwise = Vec::new();
            if then_start {
                trim_start(&mut then);
            }
            if let Some(branch) = &directive.else_expr {
                let (then_end, else_start) = sides(branch.strip);
                otherwise = lower(outer, &branch.template);
                if then_end {
                    trim_end(&mut then);
                }
                if else_start {
                    trim_start(&mut otherwise);
                }
            }
            if end {
                trim_end(if directive.else_expr.is_some() { &mut otherwise } else { &mut then });
            }
            let condition = Box::new(outer.expression(&directive.if_expr.cond_expr));
            (Part::If(condition, then, otherwise), before, after)
        }
        Directive::For(directive) => {
            let each = &directive.for_expr;
            let (before, start) = sides(each.strip);
            let (end, after) = sides(directive.endfor_expr.strip);
            let mut body = lower(outer, &each.template);
            if start {
                trim_start(&mut body);
            }
            if end {
                trim_end(&mut body);
            }
            let part = Part::For {
                key: each.key_var.as_ref().map(|name| name.as_str().to_owned()),
                value: each.value_var.as_str().to_owned(),
                collection: Box::new(outer.expression(&each.collection_expr)),
                body,
            };
            (part, before, after)
        }
    }
}

fn trim_start(parts: &mut [Part]) {
    if let Some(Part::Literal(text)) = parts.first_mut() {
        *text = text.trim_start().to_owned();
    }
}

fn trim_end(parts: &mut [Part]) {
    if let Some(Part::Literal(text)) = parts.last_mut() {
        text.truncate(text.trim_end().len());
    }
}

/// The value of a template: its text; or, of `"${one expression}"`, that value itself.
pub(super) fn evaluate(evaluator: &mut Evaluator<'_>, parts: &[Part], span: Span) -> Result<Value> {
    if let [Part::Interpolation(only)] = parts {
        return evaluator.evaluate(only);
    }
    let mut text = String::new();
    fill(evaluator, parts, span, &mut text)?;
    Ok(Value::String(text))
}

fn fill(evaluator: &mut Evaluator<'_>, parts: &[Part], span: Span, text: &mut String) -> Result<()> {
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Interpolation(expression) => text.push_str(&piece(evaluator, expression)?),
            Part::If(condition, then, otherwise) => {
                let branch = if evaluator.condition(condition)? { then } else { otherwise };
                fill(evaluator, branch, span, text)?;
            }
            Part::For { key, value, collection, body } => {
                for (index, element) in evaluator.elements(collection)? {
                    evaluator.spend(1, collection.span)?;
                    let depth = evaluator.bind(key.as_deref(), value, index, element);
                    let filled = fill(evaluator, body, span, text);
                    evaluator.unbind(depth);
                    filled?;
                }
            }
        }
        if text.len() > TEXT_LIMIT {
            return Err(Diagnostic::error(codes::LIMIT, span, "this text is longer than 16 MiB").into());
        }
    }
    Ok(())
}

fn piece(evaluator: &mut Evaluator<'_>, expression: &Expression) -> Result<String> {
    let value = evaluator.evaluate(expression)?;
    value.to_text().ok_or_else(|| {
        let message = format!("{} cannot stand in text", value.kind());
        let diagnostic = Diagnostic::error(codes::WRONG_TYPE, expression.span, message);
        let help = match &value {
            Value::Reference(reference) => {
                format!("a reference is no text: write its name, `{}`, if that is meant", reference.name)
            }
            _ => "text takes strings, numbers and truth values; `jsonencode` makes text of others".to_owned(),
        };
        diagnostic.help(help).into()
    })
}
