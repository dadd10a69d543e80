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

/// How far `~` takes spaces away.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Literals {
    /// All of the text up to the next interpolation or directive: in quotes.
    Whole,
    /// The rest of a line: where a template has lines.
    Lines,
}

pub(super) fn lower<'a>(
    lower: &Lower<'_>,
    elements: impl IntoIterator<Item = &'a Element>,
    literals: Literals,
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut strip_next = false;
    for element in elements {
        let (part, before, after) = match element {
            Element::Literal(text) => {
                let first = match literals {
                    Literals::Whole => text.len(),
                    Literals::Lines => text.find('\n').map_or(text.len(), |end| end + 1),
                };
                let (first, rest) = text.split_at(first);
                let first = if std::mem::take(&mut strip_next) { first.trim_start() } else { first };
                parts.push(Part::Literal(first.to_owned()));
                parts.extend(rest.split_inclusive('\n').map(|line| Part::Literal(line.to_owned())));
                continue;
            }
            Element::Interpolation(interpolation) => {
                let (before, after) = sides(interpolation.strip);
                (Part::Interpolation(lower.expression(&interpolation.expr)), before, after)
            }
            Element::Directive(directive) => directive_part(lower, directive, literals),
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

fn directive_part(outer: &Lower<'_>, directive: &Directive, literals: Literals) -> (Part, bool, bool) {
    match directive {
        Directive::If(directive) => {
            let (before, then_start) = sides(directive.if_expr.strip);
            let (end, after) = sides(directive.endif_expr.strip);
            let mut then = lower(outer, &directive.if_expr.template, literals);
            let mut otherwise = Vec::new();
            if then_start {
                trim_start(&mut then);
            }
            if let Some(branch) = &directive.else_expr {
                let (then_end, else_start) = sides(branch.strip);
                otherwise = lower(outer, &branch.template, literals);
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
            let mut body = lower(outer, &each.template, literals);
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

/// Takes the indentation that all lines of a `<<-` template share away, as Terraform does: lines of spaces alone do not
/// count, and a line that begins with an interpolation or directive has none.
pub(super) fn flush(parts: &mut [Part]) {
    let mut shared = usize::MAX;
    each_line(parts, &mut true, &mut |line| {
        shared = shared.min(line.chars().take_while(|character| character.is_whitespace()).count());
        0
    });
    each_line(parts, &mut true, &mut |line| line.chars().take(shared).map(char::len_utf8).sum());
}

/// Calls `cut` with what stands at the beginning of each line, and takes as many bytes from it as `cut` says.
fn each_line(parts: &mut [Part], starts: &mut bool, cut: &mut dyn FnMut(&str) -> usize) {
    fn token(starts: &mut bool, cut: &mut dyn FnMut(&str) -> usize) {
        if std::mem::take(starts) {
            cut("");
        }
    }
    for part in parts {
        match part {
            Part::Literal(text) => {
                let mut kept = String::with_capacity(text.len());
                for line in text.split_inclusive('\n') {
                    let blank = line.ends_with('\n') && line.trim().is_empty();
                    let taken = if *starts && !blank { cut(line) } else { 0 };
                    kept.push_str(line.get(taken..).unwrap_or_default());
                    *starts = line.ends_with('\n');
                }
                *text = kept;
            }
            Part::Interpolation(_) => token(starts, cut),
            Part::If(_, then, otherwise) => {
                token(starts, cut);
                each_line(then, starts, cut);
                token(starts, cut);
                each_line(otherwise, starts, cut);
                token(starts, cut);
            }
            Part::For { body, .. } => {
                token(starts, cut);
                each_line(body, starts, cut);
                token(starts, cut);
            }
        }
    }
}

/// The value of a template: its text; or, of `"${one expression}"`, that value itself.
pub(super) fn evaluate(evaluator: &mut Evaluator<'_>, parts: &[Part], span: Span) -> Result<Value> {
    if let [Part::Interpolation(only)] = parts {
        return evaluator.evaluate(only);
    }
    let mut text = String::new();
    fill(evaluator, parts, span, &mut text)?;
    Ok(Value::text(text))
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
