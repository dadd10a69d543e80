//! The canonical layout of definitions: that of `terraform fmt`. Two spaces a level, one space between most tokens, `=` and
//! trailing comments of neighbouring lines in one column. Lines stay lines, comments stay, and the meaning does not change:
//! a file is parsed before and after. The rules are those of HashiCorp's hclwrite, `format.go` (MPL-2.0), in our words; where
//! they are not followed, docs/guides/from-terraform.md says so.

mod lexer;
mod rewrite;
#[cfg(test)]
mod tests;

use lexer::{Kind, Token, tokens};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::hcl::meaning;
use crate::source::{SourceFile, SourceId, Sources, Span};

/// The text in canonical layout. Text that is no HCL is laid out as far as its tokens go: parse it first.
pub fn format(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    laid_out(rewrite::rewrite(&tokens(text)))
}

/// Tokens with the spaces between them.
fn laid_out(tokens: Vec<Token<'_>>) -> String {
    let mut lines = lines(tokens);
    indent(&mut lines);
    for line in &mut lines {
        space(&mut line.lead);
        space(&mut line.assign);
    }
    align(&mut lines, Part::Assign);
    align(&mut lines, Part::Comment);
    let mut formatted = String::new();
    for line in &lines {
        for placed in line.lead.iter().chain(&line.assign).chain(&line.comment) {
            formatted.extend(std::iter::repeat_n(' ', placed.spaces));
            formatted.push_str(&placed.token.text);
        }
        formatted.push_str(line.end);
    }
    formatted
}

/// A token with the spaces before it.
#[derive(Debug)]
struct Placed<'a> {
    token: Token<'a>,
    spaces: usize,
}

impl Placed<'_> {
    fn kind(&self) -> Kind {
        self.token.kind
    }
}

/// One line: what stands before its `=`, from there on, and the comment at its end. Line feeds in a heredoc or in a comment
/// do not end it.
#[derive(Debug, Default)]
struct Line<'a> {
    lead: Vec<Placed<'a>>,
    assign: Vec<Placed<'a>>,
    comment: Vec<Placed<'a>>,
    /// The line feed; nothing after the last one.
    end: &'static str,
}

/// What is put into one column.
#[derive(Clone, Copy)]
enum Part {
    Assign,
    Comment,
}

impl<'a> Line<'a> {
    fn part(&mut self, part: Part) -> &mut Vec<Placed<'a>> {
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

fn lines(tokens: Vec<Token<'_>>) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut line = Line::default();
    let mut end = "\n";
    for token in tokens {
        if token.kind == Kind::Newline {
            end = if token.text.len() == 2 { "\r\n" } else { "\n" };
            line.end = end;
            lines.push(split(std::mem::take(&mut line)));
        } else {
            line.lead.push(Placed { token, spaces: 0 });
        }
    }
    // The last line ends as the others do, whether its writer ended it or not.
    if let Some(last) = line.lead.last() {
        line.end = if last.token.text.ends_with('\n') { "" } else { end };
        lines.push(split(line));
    }
    lines
}

/// Takes a trailing comment and an assignment that ends on its line out of the lead.
fn split(mut line: Line<'_>) -> Line<'_> {
    if line.lead.len() > 1 && line.lead.last().is_some_and(|last| last.kind() == Kind::LineComment) {
        line.comment.extend(line.lead.pop());
    }
    let equal = line.lead.iter().position(|placed| placed.kind() == Kind::Equal).filter(|at| *at > 0);
    if let Some(at) = equal
        && line.lead[at..].iter().map(|placed| placed.token.opens()).sum::<isize>() == 0
    {
        line.assign = line.lead.split_off(at);
    }
    line
}

/// A line that opens more than it closes begins one level, however many brackets it opens; the level ends where as many
/// are closed.
fn indent(lines: &mut [Line<'_>]) {
    let mut levels: Vec<usize> = Vec::new();
    for line in lines {
        let net = net_opened(line);
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

/// How many more brackets a line opens than it closes. What stands in a heredoc that begins there does not count.
fn net_opened(line: &Line<'_>) -> isize {
    let heredoc = line.lead.iter().position(|placed| placed.kind() == Kind::OpenHeredoc);
    let lead = &line.lead[..heredoc.unwrap_or(line.lead.len())];
    lead.iter().chain(&line.assign).map(|placed| placed.token.opens()).sum()
}

/// One space between two tokens, or none.
fn space(tokens: &mut [Placed<'_>]) {
    if let Some(first) = tokens.first_mut().filter(|first| first.kind() == Kind::Equal) {
        first.spaces = 1;
    }
    for at in 1..tokens.len() {
        let before = at.checked_sub(2).map(|at| tokens[at].kind());
        let wanted = spaced(before, &tokens[at - 1].token, tokens[at].kind());
        tokens[at].spaces = usize::from(wanted);
    }
}

/// Whether a space goes after a token.
fn spaced(before: Option<Kind>, token: &Token<'_>, after: Kind) -> bool {
    use Kind::{
        Bang, CloseBrace, CloseBracket, CloseHeredoc, CloseParenthesis, CloseQuote, CloseTemplate, Comma,
        Dot, DoubleColon, Ellipsis, Literal, Minus, Number, OpenBrace, OpenBracket, OpenHeredoc,
        OpenParenthesis, OpenQuote, OpenTemplate, Word,
    };
    match (token.kind, after) {
        (Word, OpenParenthesis | DoubleColon) | (DoubleColon, Word) => false,
        (Dot, _) | (_, Dot | Comma | Ellipsis) => false,
        (Comma, _) => true,
        (Literal | OpenQuote | OpenHeredoc, _) | (_, Literal | CloseQuote | CloseHeredoc) => false,
        // `in` of a `for`, before a list.
        (Word, _) if token.text == "in" && before == Some(Word) => true,
        // Indexes.
        (Word | Number | CloseBrace | CloseBracket | CloseParenthesis | CloseTemplate, OpenBracket) => false,
        (Bang, _) => false,
        (Minus, _) => before.is_some_and(subtracts),
        (OpenBrace, CloseBrace) => false,
        (OpenBrace, _) | (_, CloseBrace) => true,
        (OpenTemplate, OpenBrace) | (CloseBrace, CloseTemplate) => true,
        (CloseTemplate, OpenTemplate) => false,
        (OpenBracket | OpenParenthesis | OpenTemplate, _) => false,
        (_, CloseBracket | CloseParenthesis | CloseTemplate) => false,
        _ => true,
    }
}

/// Whether a minus after such a token subtracts, by Terraform's guess.
const fn subtracts(before: Kind) -> bool {
    use Kind::{
        Bang, Colon, Comma, Equal, Minus, OpenBrace, OpenBracket, OpenParenthesis, Operator, Question,
    };
    !matches!(
        before,
        OpenParenthesis
            | OpenBrace
            | OpenBracket
            | Equal
            | Colon
            | Comma
            | Question
            | Operator
            | Minus
            | Bang
    )
}

/// Columns: one for each character that a reader sees.
fn width(tokens: &[Placed<'_>]) -> usize {
    tokens.iter().map(|placed| placed.spaces + placed.token.text.graphemes(true).count()).sum()
}

/// Puts a part of neighbouring lines into one column.
fn align(lines: &mut [Line<'_>], part: Part) {
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

/// The text of a file in canonical layout; what the parser finds, where the file is no HCL: such a file is left alone.
///
/// # Errors
/// The findings, to be rendered with the sources.
pub fn format_file(file: &SourceFile) -> Result<String, Box<(Diagnostics, Sources)>> {
    let mut sources = Sources::default();
    let id = sources.add(file.clone());
    let formatted = format(&file.text);
    meaning(id, &file.text)
        .and_then(|before| match meaning(id, &formatted) {
            Ok(after) if before == after && comments(&file.text) == comments(&formatted) => Ok(formatted),
            _ => Err(would_change(id)),
        })
        .map_err(|diagnostics| Box::new((diagnostics, sources)))
}

/// The layout has a mistake, which nobody's file shall suffer from.
fn would_change(file: SourceId) -> Diagnostics {
    let message = "this file cannot be laid out without changing what it says, so it stays as it is";
    let diagnostic = Diagnostic::error(codes::UNSUPPORTED, Span::new(file, 0..0), message);
    let mut diagnostics = Diagnostics::default();
    diagnostics.push(diagnostic.help("this is a mistake of `provender fmt`: please report it with the file"));
    diagnostics
}

fn comments(text: &str) -> Vec<String> {
    let is_comment = |token: &Token<'_>| matches!(token.kind, Kind::LineComment | Kind::BlockComment);
    tokens(text).into_iter().filter(is_comment).map(|token| token.text.into_owned()).collect()
}
