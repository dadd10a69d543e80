//! Where the blocks of a file begin and end, found without parsing them, so that each is parsed by itself: on any thread,
//! in little memory, and with a finding of its own when it is wrong. It decides nothing about what is valid; text that it
//! cannot follow is one piece.

use std::ops::Range;

/// The pieces of a text.
pub(super) struct Pieces {
    /// In order; they cover all of the text. A piece may hold several blocks when these share a line.
    pub(super) ranges: Vec<Range<usize>>,
    /// Where there is something that the parser would take and HCL does not have.
    pub(super) broken: Option<Broken>,
    /// From `<<` to the marker that closes it at once.
    pub(super) empty_heredocs: Vec<Range<usize>>,
}

/// What is not closed where HCL wants it, and where its line, or what of it is to be shown, ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    /// A string that goes on over the end of its line.
    String(usize),
    /// A heredoc with no line that holds its marker alone.
    Heredoc(usize),
}

impl Broken {
    /// From the start of its line.
    pub(super) fn line(self, text: &str) -> Range<usize> {
        let (Self::String(end) | Self::Heredoc(end)) = self;
        text[..end].rfind('\n').map_or(0, |feed| feed + 1)..end
    }
}

/// Splits text after each line that ends a block at the top.
pub(super) fn split(text: &str) -> Pieces {
    let whole = || vec![Range { start: 0, end: text.len() }];
    let mut scanner =
        Scanner { text: text.as_bytes(), at: 0, directives: Vec::new(), empty_heredocs: Vec::new() };
    let (ranges, broken) = match scanner.pieces() {
        Ok(ranges) => (ranges, None),
        Err(Lost::Elsewhere) => (whole(), None),
        Err(Lost::In(broken)) => (whole(), Some(broken)),
    };
    Pieces { ranges, broken, empty_heredocs: scanner.empty_heredocs }
}

/// The text is not what it seems; the parser says why.
enum Lost {
    In(Broken),
    Elsewhere,
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// For each open string, how many `%{ if }` and `%{ for }` in it are open.
    directives: Vec<usize>,
    empty_heredocs: Vec<Range<usize>>,
}

/// What a closing brace ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Bracket(u8),
    /// `${` or `%{` in a string, which goes on after it.
    Interpolation,
}

impl Scanner<'_> {
    fn pieces(&mut self) -> Result<Vec<Range<usize>>, Lost> {
        let mut pieces = Vec::new();
        let mut start = 0;
        let mut open: Vec<Open> = Vec::new();
        let mut closed = false;
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'\n' if open.is_empty() && closed => {
                    pieces.push(start..self.at);
                    (start, closed) = (self.at, false);
                }
                b'#' => self.skip_line(),
                b'/' if self.next_is(b"/") => self.skip_line(),
                b'/' if self.next_is(b"*") => self.skip_past(b"*/")?,
                b'<' if self.next_is(b"<") => self.skip_heredoc()?,
                b'{' | b'[' | b'(' => open.push(Open::Bracket(byte)),
                b'}' if open.last() == Some(&Open::Interpolation) => {
                    open.pop();
                    self.string(&mut open)?;
                }
                b'}' | b']' | b')' => {
                    let opening = match byte {
                        b'}' => b'{',
                        b']' => b'[',
                        _ => b'(',
                    };
                    if open.pop() != Some(Open::Bracket(opening)) {
                        return Err(Lost::Elsewhere);
                    }
                    closed |= byte == b'}';
                }
                b'"' => {
                    self.directives.push(0);
                    self.string(&mut open)?;
                }
                _ => {}
            }
        }
        if !open.is_empty() {
            return Err(Lost::Elsewhere);
        }
        if start < self.text.len() {
            pieces.push(start..self.text.len());
        }
        Ok(pieces)
    }

    fn next_is(&self, text: &[u8]) -> bool {
        self.text[self.at..].starts_with(text)
    }

    /// To the end of the line, whose line feed stays.
    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }

    fn skip_past(&mut self, end: &[u8]) -> Result<(), Lost> {
        let rest = &self.text[self.at + 1..];
        let found = rest.windows(end.len()).position(|window| window == end).ok_or(Lost::Elsewhere)?;
        self.at += 1 + found + end.len();
        Ok(())
    }

    /// The rest of a string, up to its end or to an interpolation in it.
    fn string(&mut self, open: &mut Vec<Open>) -> Result<(), Lost> {
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                // The parser would look for the end of a directive beyond the string.
                b'"' if self.directives.pop() != Some(0) => {
                    return Err(Lost::In(Broken::String(self.at - 1)));
                }
                b'"' => return Ok(()),
                b'\n' => return Err(Lost::In(Broken::String(self.at - 1))),
                b'\\' => self.at += 1,
                b'$' | b'%'
                    if self.text[self.at..].first() == Some(&byte)
                        && self.text.get(self.at + 1) == Some(&b'{') =>
                {
                    self.at += 2;
                }
                b'$' | b'%' if self.next_is(b"{") => {
                    self.at += 1;
                    if byte == b'%' {
                        self.directive();
                    }
                    open.push(Open::Interpolation);
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(Lost::In(Broken::String(self.text.len())))
    }

    /// After `%{`: whether it opens a part of the string that another directive must close.
    fn directive(&mut self) {
        let rest = self.text[self.at..].trim_ascii_start();
        let word = rest.strip_prefix(b"~").unwrap_or(rest).trim_ascii_start();
        let Some(depth) = self.directives.last_mut() else { return };
        if word.starts_with(b"if") || word.starts_with(b"for") {
            *depth += 1;
        } else if word.starts_with(b"endif") || word.starts_with(b"endfor") {
            *depth = depth.saturating_sub(1);
        }
    }

    /// After `<`: where it begins a heredoc, to the start of the line after its end.
    fn skip_heredoc(&mut self) -> Result<(), Lost> {
        let rest = &self.text[self.at + 1..];
        let rest = rest.strip_prefix(b"-").unwrap_or(rest);
        let line_end = rest.iter().position(|byte| *byte == b'\n').ok_or(Lost::Elsewhere)?;
        let marker = rest[..line_end].trim_ascii();
        if marker.is_empty()
            || !marker.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte))
        {
            return Err(Lost::Elsewhere);
        }
        let begins = self.text.len() - rest.len() + marker.len();
        let first_line = self.text.len() - rest.len() + line_end + 1;
        let mut at = first_line;
        while at < self.text.len() {
            let line = &self.text[at..];
            let length = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
            if line[..length].trim_ascii() == marker {
                if at == first_line {
                    let end = at + line[..length].trim_ascii_end().len();
                    self.empty_heredocs.push(self.at - 1..end);
                }
                // The line feed ends the attribute.
                self.at = at + length;
                return Ok(());
            }
            at += length + 1;
        }
        Err(Lost::In(Broken::Heredoc(begins)))
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    fn pieces(text: &str) -> Vec<&str> {
        split(text).ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn blocks_are_pieces() {
        let text = "# words }\nentity \"a\" {\n  b = { c = [1] }\n} // }\n\nlocals { d = \"${e[\"}\"]}}\" }\n/* } */ x \"y\" {}\n";
        assert_eq!(
            pieces(text),
            [
                "# words }\nentity \"a\" {\n  b = { c = [1] }\n} // }\n",
                "\nlocals { d = \"${e[\"}\"]}}\" }\n",
                "/* } */ x \"y\" {}\n"
            ]
        );
        assert_eq!(pieces("a {}\n# the end"), ["a {}\n", "# the end"]);
        assert_eq!(pieces(""), [""; 0]);
    }

    #[test]
    fn braces_in_strings_and_heredocs_do_not_count() {
        for inside in [
            "\"}\"",
            "\"\\\"}\"",
            "\"$${}\"",
            "\"%%{\"",
            "\"${\"}\"}\"",
            "<<E\n}\n  E",
            "<<-\"\n",
            "\"a ${ <<E\n}\nE\n}\"",
        ] {
            let text = format!("a {{\n  b = {inside}\n}}\nc {{}}\n");
            let expected = if inside == "<<-\"\n" { 1 } else { 2 };
            assert_eq!(pieces(&text).len(), expected, "{inside}");
        }
    }

    #[test]
    fn text_that_does_not_add_up_is_one_piece() {
        for text in
            ["a {\n}\nb {\n", "a }\nb {}\n", "a { b = \"\n}\nc {}\n", "a {}\n/*", "a { b = [}\n]\nc {}\n"]
        {
            assert_eq!(pieces(text), [text]);
        }
    }
}
