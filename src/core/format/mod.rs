//! The canonical layout of definitions: that of `terraform fmt`. Two spaces a level, one space between most tokens, `=` and
//! trailing comments of neighbouring lines in one column. Lines stay lines and comments stay; the meaning cannot change,
//! because only spaces between tokens do. The rules are those of HashiCorp's hclwrite, `format.go` (MPL-2.0), in our words.

mod lexer;
#[cfg(test)]
mod tests;

use lexer::{Kind, Token, interpolation, tokens};

use crate::diagnostic::Diagnostics;
use crate::hcl::{parse_piece, pieces};
use crate::source::{SourceFile, Sources};

/// The text in canonical layout. Text that is no HCL is laid out as far as its tokens go: parse it first.
pub fn format(text: &str) -> String {
    let (mark, text) = text.strip_prefix('\u{feff}').map_or(("", text), |rest| ("\u{feff}", rest));
    let mut lines = lines(text);
    indent(&mut lines);
    for line in &mut lines {
        space(&mut line.lead);
        space(&mut line.assign);
    }
    align(&mut lines, Part::Assign);
    align(&mut lines, Part::Comment);
    let mut formatted = mark.to_owned();
    for line in &lines {
        for placed in line.lead.iter().chain(&line.assign).chain(&line.comment) {
            formatted.extend(std::iter::repeat_n(' ', placed.spaces));
            formatted.push_str(&placed.text);
        }
        formatted.push_str(line.end);
    }
    formatted
}

/// A token with the spaces before it.
#[derive(Debug)]
struct Placed {
    kind: Kind,
    text: String,
    spaces: usize,
}

/// One line: what stands before its `=`, from there on, and the comment at its end. A heredoc or a comment of several
/// lines is one token of it.
#[derive(Debug, Default)]
struct Line {
    lead: Vec<Placed>,
    assign: Vec<Placed>,
    comment: Vec<Placed>,
    /// The line feed; nothing at the end of the text.
    end: &'static str,
}

/// What is put into one column.
#[derive(Clone, Copy)]
enum Part {
    Assign,
    Comment,
}

impl Line {
    fn part(&mut self, part: Part) -> &mut Vec<Placed> {
        match part {
            Part::Assign => &mut self.assign,
            Part::Comment => &mut self.comment,
        }
    }

    /// Columns before that part.
    fn before(&self, part: Part) -> usize {
        match part {
            Part::Assign => width(&self.lead),
            Part::Comment => width(&self.lead) + width(&self.assign),
        }
    }
}

fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Line::default();
    for Token { kind, text } in tokens(text) {
        if kind == Kind::Newline {
            line.end = if text.len() == 2 { "\r\n" } else { "\n" };
            lines.push(split(std::mem::take(&mut line)));
        } else {
            let text = if kind == Kind::Text { string(text) } else { text.to_owned() };
            line.lead.push(Placed { kind, text, spaces: 0 });
        }
    }
    lines.push(split(line));
    lines
}

/// Takes a trailing comment and an assignment that ends on its line out of the lead.
fn split(mut line: Line) -> Line {
    if line.lead.len() > 1 && line.lead.last().is_some_and(|last| last.kind == Kind::LineComment) {
        line.comment.extend(line.lead.pop());
    }
    let equal = line.lead.iter().position(|placed| placed.kind == Kind::Equal).filter(|at| *at > 0);
    if let Some(at) = equal
        && line.lead[at..].iter().map(opened).sum::<isize>() == 0
    {
        line.assign = line.lead.split_off(at);
    }
    quote_labels(&mut line.lead);
    line
}

/// Labels of blocks stand in quotes: `entity driver {` is `entity "driver" {`.
fn quote_labels(lead: &mut [Placed]) {
    let labels = lead.iter().take_while(|placed| matches!(placed.kind, Kind::Word | Kind::Text)).count();
    let is_header = labels > 1 && lead.get(labels).is_some_and(|placed| placed.kind == Kind::OpenBrace);
    if is_header {
        for label in lead[1..labels].iter_mut().filter(|label| label.kind == Kind::Word) {
            label.text = format!("\"{}\"", label.text);
            label.kind = Kind::Text;
        }
    }
}

const fn opened(placed: &Placed) -> isize {
    match placed.kind {
        Kind::Open | Kind::OpenBrace => 1,
        Kind::Close | Kind::CloseBrace => -1,
        _ => 0,
    }
}

/// A line that opens more than it closes begins one level, however many brackets it opens; the level ends where as many
/// are closed.
fn indent(lines: &mut [Line]) {
    let mut levels: Vec<usize> = Vec::new();
    for line in lines {
        let net: isize = line.lead.iter().chain(&line.assign).map(opened).sum();
        let mut closed = usize::try_from(-net).unwrap_or(0);
        while closed > 0 {
            let Some(level) = levels.last_mut() else { break };
            if closed < *level {
                *level -= closed;
                closed = 0;
            } else {
                closed -= *level;
                levels.pop();
            }
        }
        if let Some(first) = line.lead.first_mut() {
            first.spaces = 2 * levels.len();
        }
        if net > 0 {
            levels.push(net.unsigned_abs());
        }
    }
}

/// One space between two tokens, or none.
fn space(tokens: &mut [Placed]) {
    if let Some(first) = tokens.first_mut().filter(|first| first.kind == Kind::Equal) {
        first.spaces = 1;
    }
    for at in 1..tokens.len() {
        let before = at.checked_sub(2).map(|at| tokens[at].kind);
        let wanted = spaced(before, &tokens[at - 1], tokens[at].kind);
        tokens[at].spaces = usize::from(wanted);
    }
}

/// Whether a space goes after a token.
fn spaced(before: Option<Kind>, token: &Placed, after: Kind) -> bool {
    use Kind::{
        Bang, Close, CloseBrace, Comma, Dot, DoubleColon, Ellipsis, Minus, Number, Open, OpenBrace, Text,
        Word,
    };
    match (token.kind, after) {
        (Dot | DoubleColon, _) | (_, Dot | DoubleColon | Comma | Ellipsis) => false,
        (Comma, _) => true,
        // `in` of a `for`, before a list.
        (Word, Open) if token.text == "in" && before == Some(Word) => true,
        // Calls and indexes.
        (Word | Number | Text | Close | CloseBrace, Open) => false,
        (Bang, _) => false,
        (Minus, _) => before.is_some_and(ends_expression),
        (OpenBrace, CloseBrace) => false,
        (OpenBrace, _) | (_, CloseBrace) => true,
        (Open, _) | (_, Close) => false,
        _ => true,
    }
}

/// Whether a minus after such a token subtracts.
const fn ends_expression(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Word
            | Kind::Number
            | Kind::Text
            | Kind::Heredoc
            | Kind::Close
            | Kind::CloseBrace
            | Kind::BlockComment
    )
}

fn width(tokens: &[Placed]) -> usize {
    tokens.iter().map(|placed| placed.spaces + placed.text.chars().count()).sum()
}

/// Puts a part of neighbouring lines into one column.
fn align(lines: &mut [Line], part: Part) {
    let mut start = 0;
    while start < lines.len() {
        let run =
            lines[start..].iter_mut().map(|line| line.part(part)).take_while(|part| !part.is_empty()).count();
        let widest = lines[start..start + run].iter().map(|line| line.before(part)).max().unwrap_or(0);
        for line in &mut lines[start..start + run] {
            let before = line.before(part);
            if let Some(first) = line.part(part).first_mut() {
                first.spaces = widest - before + 1;
            }
        }
        start += run.max(1);
    }
}

/// A string with its interpolations laid out.
fn string(text: &str) -> String {
    let mut formatted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '$', '%']) {
        let (plain, from) = rest.split_at(at);
        formatted.push_str(plain);
        let literal = ["$${", "%%{"].iter().any(|start| from.starts_with(start));
        let open = ["${", "%{"].iter().any(|start| from.starts_with(start));
        let length = if literal {
            3
        } else if open {
            let inner = interpolation(&from[2..]);
            formatted.push_str(&from[..2]);
            formatted.push_str(&inside(&from[2..2 + inner]));
            rest = &from[2 + inner..];
            continue;
        } else {
            // An escape, with the character that it is for.
            let escaped = from[1..].chars().next().filter(|_| from.starts_with('\\'));
            1 + escaped.map_or(0, char::len_utf8)
        };
        formatted.push_str(&from[..length]);
        rest = &from[length..];
    }
    formatted.push_str(rest);
    formatted
}

/// What stands between `${` and `}`, with the brace; left alone where it has more than one line or is not closed.
fn inside(text: &str) -> String {
    let Some(inner) = text.strip_suffix('}').filter(|inner| !inner.contains('\n')) else {
        return text.to_owned();
    };
    let (start, inner) = inner.strip_prefix('~').map_or(("", inner), |rest| ("~", rest));
    let (inner, end) = inner.strip_suffix('~').map_or((inner, ""), |rest| (rest, "~"));
    let mut placed: Vec<Placed> = tokens(inner)
        .into_iter()
        .map(|Token { kind, text }| {
            let text = if kind == Kind::Text { string(text) } else { text.to_owned() };
            Placed { kind, text, spaces: 0 }
        })
        .collect();
    space(&mut placed);
    let mut formatted = start.to_owned();
    for token in &placed {
        formatted.extend(std::iter::repeat_n(' ', token.spaces));
        formatted.push_str(&token.text);
    }
    formatted.push_str(end);
    formatted.push('}');
    formatted
}

/// The text of a file in canonical layout; what the parser finds, where the file is no HCL: such a file is left alone.
///
/// # Errors
/// The findings, to be rendered with the sources.
pub fn format_file(file: &SourceFile) -> Result<String, Box<(Diagnostics, Sources)>> {
    let mut sources = Sources::default();
    let id = sources.add(file.clone());
    let mut diagnostics = Diagnostics::default();
    for piece in pieces(id, &file.text) {
        if let Err(diagnostic) = parse_piece(piece) {
            diagnostics.push(*diagnostic);
        }
    }
    if diagnostics.is_empty() { Ok(format(&file.text)) } else { Err(Box::new((diagnostics, sources))) }
}
