//! From text to the tree. The parser's own tree is dropped at once: it keeps every space and takes 30 KB an object.

use std::borrow::Cow;

use hcl::edit::expr::{self, Expression as Edited, ObjectKey, TraversalOperator, UnaryOperator};
use hcl::edit::structure::{BlockLabel, Body as EditedBody, Structure};
use hcl::edit::template::HeredocTemplate;
use hcl::edit::{Decorated, Ident, Span as _, parser};

use super::mistake::{
    Mistake, closes_nearly, inside_of_attribute, mistake, mistake_in_text, plainly, starts_attribute,
    string_above, token,
};
use super::split::{Broken, Pieces, split};
use super::template::{self, Literals};
use super::tree::{Attribute, Binary, Block, Body, Call, Expression, ExpressionKind, For, Name, Part, Step};
use super::value::normalized;
use super::{plain, repeated};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::source::{SourceId, Span};

/// A part of a file that is parsed by itself: a block, as a rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) source: SourceId,
    pub(crate) text: &'a str,
    /// Bytes of the file before it.
    shift: usize,
    /// Whether it is the whole file.
    is_file: bool,
    /// What the parser takes and HCL does not have.
    broken: Option<Broken>,
}

impl Piece<'_> {
    /// Bytes of text.
    pub(crate) const fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether all strings and brackets in it are closed.
    pub(super) const fn is_closed(&self) -> bool {
        self.broken.is_none()
    }
}

/// The pieces of a file, in order.
pub(crate) fn pieces(source: SourceId, text: &str) -> impl Iterator<Item = Piece<'_>> {
    let (text, mark) = without_mark(text);
    let Pieces { ranges, broken, .. } = split(text);
    ranges.into_iter().map(move |range| {
        let is_file = range.len() == text.len();
        Piece { source, text: &text[range.clone()], shift: mark + range.start, is_file, broken }
    })
}

/// The tree of a piece. The parser stops at its first error.
pub(crate) fn parse_piece(piece: Piece<'_>) -> Result<Body, Box<Diagnostic>> {
    let lower = Lower { source: piece.source, text: piece.text, shift: piece.shift, has_spans: true };
    plain::body(&lower, piece).map_or_else(|| parse_wholly(piece), Ok)
}

/// The same by the parser of the whole language.
fn parse_wholly(piece: Piece<'_>) -> Result<Body, Box<Diagnostic>> {
    let text = without_empty_heredocs(piece.text);
    let lower = Lower { source: piece.source, text: &text, shift: piece.shift, has_spans: true };
    let body = edited(&lower, piece)?;
    Ok(lower.body(body))
}

/// Whether the reader of plain text says of each piece what the parser of the whole language says; `Err` is a piece of which
/// it does not. `Ok` is how many pieces are plain.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn plain_pieces(text: &str) -> Result<usize, String> {
    let mut plain_pieces = 0;
    for piece in pieces(SourceId::default(), text) {
        let lower = Lower { source: piece.source, text: piece.text, shift: piece.shift, has_spans: true };
        let Some(body) = plain::body(&lower, piece) else { continue };
        if parse_wholly(piece).ok().as_ref() != Some(&body) {
            return Err(format!("{:?} is read as {body:?}", piece.text));
        }
        plain_pieces += 1;
    }
    Ok(plain_pieces)
}

/// What a file says, without places: equal for two layouts of the same.
pub(crate) fn meaning(source: SourceId, text: &str) -> Result<Body, Diagnostics> {
    let mut meaning = Body::default();
    let mut diagnostics = Diagnostics::default();
    for piece in pieces(source, text) {
        let text = without_empty_heredocs(piece.text);
        let lower = Lower { source, text: &text, shift: piece.shift, has_spans: true };
        match edited(&lower, piece) {
            Ok(edited) => {
                let body = Lower { has_spans: false, ..lower }.body(edited);
                meaning.attributes.extend(body.attributes);
                meaning.blocks.extend(body.blocks);
            }
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    if diagnostics.is_empty() { Ok(meaning) } else { Err(diagnostics) }
}

/// The parser's tree.
fn edited(lower: &Lower<'_>, piece: Piece<'_>) -> Result<EditedBody, Box<Diagnostic>> {
    let parsed = parser::parse_body(lower.text);
    let unread = if piece.is_file { "file" } else { "block" };
    let unread = format!("the rest of the {unread} is not looked at until this is mended");
    match (parsed, piece.broken) {
        (Ok(body), None) => Ok(body),
        (Ok(_), Some(broken)) => Err(Box::new(lower.not_closed(piece.text, broken))),
        (Err(error), broken) => {
            // The parser goes on over the end of such a line, and stumbles somewhere behind it.
            let at = error.location().offset();
            // Of an attribute that it cannot read, the parser may say where that begins.
            let reached = |broken: &Broken| {
                broken.line(piece.text).start <= at || starts_attribute(error.message(), &piece.text[at..])
            };
            let diagnostic = match broken.filter(reached) {
                Some(broken) if broken.line(piece.text).contains(&at) => {
                    let known = match broken {
                        Broken::String(_) => mistake_in_text(piece.text, at, error.message()),
                        Broken::Heredoc(_) => mistake(piece.text, at, error.message()),
                    };
                    known.map_or_else(|| lower.not_closed(piece.text, broken), |known| lower.told(known))
                }
                Some(broken) => lower.not_closed(piece.text, broken),
                None => lower.syntax_error(piece.text, &error),
            };
            Err(Box::new(diagnostic.help(unread)))
        }
    }
}

/// The text with `""` for heredocs of no line, everything else in its place. The parser misses the end of these and takes
/// what follows, up to the next such marker, as their text.
fn without_empty_heredocs(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if text.contains("<<") {
        for range in split(&text).empty_heredocs {
            let empty = format!("{:1$}", "\"\"", range.len());
            text.to_mut().replace_range(range, &empty);
        }
    }
    text
}

/// The tree of one expression that is all of the text.
pub(crate) fn parse_expression(source: SourceId, text: &str) -> Result<Expression, Box<Diagnostic>> {
    parse_expression_at(source, text, 0)
}

/// The same, of a text that stands somewhere in a file.
pub(super) fn parse_expression_at(
    source: SourceId,
    text: &str,
    shift: usize,
) -> Result<Expression, Box<Diagnostic>> {
    let lower = Lower { source, text, shift, has_spans: true };
    let expression = parser::parse_expr(text).map_err(|error| Box::new(lower.syntax_error(text, &error)))?;
    Ok(lower.expression(&expression))
}

/// The tree of a template without quotes around it; one that is a single interpolation is what stands in that.
pub(super) fn parse_template_at(
    source: SourceId,
    text: &str,
    shift: usize,
) -> Result<Expression, Box<Diagnostic>> {
    let lower = Lower { source, text, shift, has_spans: true };
    let template =
        parser::parse_template(text).map_err(|error| Box::new(lower.syntax_error(text, &error)))?;
    let span = Span::new(source, shift..shift + text.len());
    let mut parts = template::lower(&lower, &template, Literals::Lines);
    match parts.as_mut_slice() {
        [Part::Interpolation(only)] => {
            Ok(std::mem::replace(only, Expression { span, kind: ExpressionKind::Null }))
        }
        _ => Ok(Expression { span, kind: ExpressionKind::Template(parts) }),
    }
}

fn without_mark(text: &str) -> (&str, usize) {
    text.strip_prefix('\u{feff}').map_or((text, 0), |rest| (rest, text.len() - rest.len()))
}

pub(super) struct Lower<'a> {
    source: SourceId,
    /// What was parsed.
    text: &'a str,
    /// Bytes of the file before the text that was parsed.
    shift: usize,
    /// Whether the tree says where everything stands.
    has_spans: bool,
}

impl Lower<'_> {
    /// The parser's finding, in clearer words where its own are about its insides.
    fn syntax_error(&self, text: &str, error: &parser::Error) -> Diagnostic {
        let mut at = error.location().offset().min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let said = error.message();
        let span = self.span(Some(at..at + token(&text[at..])));
        let repeated = if said.contains("redefined attribute") {
            Some("this attribute is set twice")
        } else if said.contains("redefined object key") {
            Some("this key stands in its map twice")
        } else {
            None
        };
        if let Some(message) = repeated {
            let diagnostic = Diagnostic::error(codes::REPEATED, span, message);
            return match repeated::first(text, at) {
                Some(first) => diagnostic.also(self.span(Some(first)), "the first"),
                None => diagnostic,
            };
        }
        if let Some(line) = string_above(text, at) {
            return self.not_closed(text, Broken::String(line.end));
        }
        let (at, said) = inside_of_attribute(text, at, said);
        if let Some(known) = mistake(text, at, &said) {
            return self.told(known);
        }
        let span = self.span(Some(at..at + token(&text[at..])));
        let (message, help) = plainly(&said, &text[at..]);
        Diagnostic::error(codes::SYNTAX, span, message).maybe_help(help.map(str::to_owned))
    }

    fn not_closed(&self, text: &str, broken: Broken) -> Diagnostic {
        let (message, help) = match broken {
            Broken::String(_) => (
                "a string is not closed on this line",
                "close it with `\"`, or write several lines as `<<-EOT … EOT`",
            ),
            Broken::Heredoc(end) => {
                let help = if closes_nearly(text, end) {
                    "the word that closes it stands alone on its line, in the letters with which it begins"
                } else {
                    "close it with a line that holds the word behind `<<` and nothing else"
                };
                ("no line closes what begins here", help)
            }
        };
        let line = broken.line(text);
        let indent = text[line.clone()].len() - text[line.clone()].trim_start().len();
        let span = self.span(Some(line.start + indent..line.end));
        Diagnostic::error(codes::SYNTAX, span, message).help(help)
    }

    fn told(&self, Mistake { range, message, help }: Mistake) -> Diagnostic {
        Diagnostic::error(codes::SYNTAX, self.span(Some(range)), message).help(help)
    }

    pub(super) fn span(&self, range: Option<std::ops::Range<usize>>) -> Span {
        if !self.has_spans {
            return Span::default();
        }
        let range = range.unwrap_or_default();
        Span::new(self.source, range.start + self.shift..range.end + self.shift)
    }

    fn body(&self, edited: EditedBody) -> Body {
        // Most bodies hold one attribute; a list that grows takes room for four.
        let mut body = Body {
            attributes: Vec::with_capacity(edited.attributes().count()),
            blocks: Vec::with_capacity(edited.blocks().count()),
        };
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
        Name { text: word.as_str().into(), span: self.span(word.span()) }
    }

    fn label(&self, label: &BlockLabel) -> Name {
        Name { text: label.as_str().into(), span: self.span(label.span()) }
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
            Edited::String(text) => ExpressionKind::String(normalized(text.value().clone())),
            Edited::Array(array) => {
                ExpressionKind::List(array.iter().map(|element| self.expression(element)).collect())
            }
            Edited::Object(object) => {
                let entries =
                    object.iter().map(|(key, value)| (self.key(key), self.expression(value.expr())));
                ExpressionKind::Map(entries.collect())
            }
            Edited::StringTemplate(text) => {
                let mut parts = template::lower(self, text, Literals::Whole);
                // `"${x}"` is `x`.
                if let [Part::Interpolation(only)] = parts.as_mut_slice() {
                    std::mem::replace(&mut only.kind, ExpressionKind::Null)
                } else {
                    ExpressionKind::Template(parts)
                }
            }
            Edited::HeredocTemplate(text) => ExpressionKind::Template(self.heredoc(text)),
            Edited::Parenthesis(inner) => return self.expression(inner.inner()),
            Edited::Variable(name) => ExpressionKind::Variable(name.as_str().into()),
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

    /// The parser takes indentation away line by line, and text with it where a line has less. So the template is read
    /// again as it stands in the file.
    fn heredoc(&self, heredoc: &HeredocTemplate) -> Vec<Part> {
        let written = heredoc.template.span().filter(|_| heredoc.indent().is_some());
        let again = written.and_then(|range| {
            let text = self.text.get(range.clone())?;
            Some((
                parser::parse_template(text).ok()?,
                Lower { text, shift: self.shift + range.start, ..*self },
            ))
        });
        match again {
            Some((template, lower)) => {
                let mut parts = template::lower(&lower, &template, Literals::Lines);
                template::flush(&mut parts);
                parts
            }
            None => template::lower(self, &heredoc.template, Literals::Lines),
        }
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
        let text: String = namespace.chain([call.name.name.as_str().to_owned()]).collect();
        Call {
            name: Name { text: text.into(), span: self.span(call.name.name.span()) },
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn heredocs_end_where_those_of_hcl_do() {
        let values = |text: &str| -> Vec<ExpressionKind> {
            let body = meaning(SourceId::default(), text).unwrap();
            body.attributes.into_iter().map(|attribute| attribute.value.kind).collect()
        };
        let [first, second, third] = &values("a = <<E\nE\nb = <<-E\r\n  E\r\nc = <<E\nx\nE\n")[..] else {
            panic!("not three")
        };
        assert_eq!([first, second], [&ExpressionKind::String(String::new()); 2]);
        assert!(matches!(third, ExpressionKind::Template(parts) if parts.len() == 1));
        for open in ["a = <<E\nx\nE // no end\n", "a = f(<<E\nx\nE, 1)\n"] {
            let said = meaning(SourceId::default(), open).unwrap_err();
            assert!(said.iter().any(|one| one.message.contains("no line closes")), "{said:?}");
        }
    }

    fn fixtures() -> Vec<String> {
        fn files(folder: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    files(&path, found);
                } else if path.extension().is_some_and(|extension| extension == "hcl") {
                    found.extend(fs::read_to_string(&path));
                }
            }
        }
        let mut texts = Vec::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures"), &mut texts);
        texts
    }

    #[test]
    fn plain_text_is_read_as_the_parser_reads_it() {
        let all: usize = fixtures().iter().map(|text| plain_pieces(text).unwrap()).sum();
        assert!(all > 300, "{all}");
        let plain = r#"
            a "b" c { # d
              e-f = "g – h" // i
              j   = [k, l.m.n, { o = 1, "p" : [true, null,] }, # q
                f(1, "r"),
              ]
              s { t = { } }
              u {}
            }
            v = {
              w = x
              y = 10
            }
        "#;
        // The third is the end of the text.
        assert_eq!(plain_pieces(plain), Ok(3));
        let others = [
            "a = 1.5",
            "a = -1",
            "a = 01",
            "a = b + c",
            "a = b[0]",
            "a = b ? c : d",
            "a = \"${b}\"",
            "a = \"\\n\"",
            "a = b.*.c",
            "a = (b)",
            "a = !b",
            "a = <<E\nE",
            "a = [for b in c : b]",
            "a = { for b in c : b => b }",
            "a = b(c...)",
            "a = b::c()",
            "a = { (b) = c }",
            "/* a */ b = c",
            "a = b\r\n",
            "ä = b",
            "a = b\n.c",
            "a = [b\n.c]",
            "a = { b = c\nd = e, f = g h = i }",
        ];
        for other in others {
            assert_eq!(plain_pieces(other), Ok(0), "{other}");
        }
        for wrong in [
            "a",
            "a =",
            "a = b c",
            "a {",
            "a { b = c",
            "a { b = c d = e }",
            "a = [b c]",
            "a = [,]",
            "a = 1\na = 2",
            "a = { b = 1, b = 2 }",
            "a b = c",
            "a = b = c",
            "a = { b }",
            "a = \"",
            "a = b, c",
            "a }",
            "a = null.b",
            "a = true()",
            "a = f(b,)",
            "\"a\" {}",
            "a {} b {}",
        ] {
            assert_eq!(plain_pieces(wrong), Ok(0), "{wrong}");
        }
    }

    /// Of every file of fixtures that is HCL as a whole.
    #[test]
    fn the_pieces_are_the_whole() {
        let mut several = 0;
        for text in fixtures() {
            let (text, shift) = without_mark(&text);
            let source = SourceId::default();
            if pieces(source, text).any(|piece| piece.broken.is_some()) {
                continue;
            }
            let whole = Piece { source, text, shift, is_file: true, broken: None };
            let Ok(whole) = parse_piece(whole) else { continue };
            let mut joined = Body::default();
            for piece in pieces(source, text) {
                let body = parse_piece(Piece { shift: piece.shift + shift, ..piece }).unwrap();
                joined.attributes.extend(body.attributes);
                joined.blocks.extend(body.blocks);
            }
            several += usize::from(joined.blocks.len() > 1);
            assert_eq!(format!("{joined:?}"), format!("{whole:?}"));
        }
        assert!(several > 20);
    }
}
