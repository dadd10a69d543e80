//! Decoding bytes that nobody vouches for. The libraries that read Parquet and Arrow files panic on some damaged ones:
//! here such a panic becomes an error of the file, and whoever reports panics can tell it from a bug.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Error, Result};

thread_local! {
    static IN_PROGRESS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread decodes a file right now: a panic is then told as an error of that file.
pub fn in_progress() -> bool {
    IN_PROGRESS.get()
}

/// Does work that decodes `file`; a panic in it is an error.
///
/// # Errors
/// Those of the work, and a panic.
pub fn decoding<T>(file: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = IN_PROGRESS.replace(true);
    // What the work has half done is dropped with it.
    let outcome = catch_unwind(AssertUnwindSafe(work));
    IN_PROGRESS.set(before);
    outcome.unwrap_or_else(|panic| Err(stopped(file, panic.as_ref())))
}

/// The error of a file whose decoder panicked.
pub fn stopped(file: &str, panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    let error = Error::invalid(format!("`{file}` could not be decoded: it is damaged"))
        .with_hint("write the file again; if other programs read it, please report this as a bug");
    match said {
        Some(said) => error.with_source(said),
        None => error,
    }
}

/// What some programs begin UTF-8 text with.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Makes sure that the CSV decoder refuses text that is not UTF-8. It checks the text of many fields joined, where the two halves of a
/// character that a comma cuts in two are whole again; each field by itself would then be a `str` that is no UTF-8.
#[derive(Debug, Default)]
pub struct Utf8Marks {
    /// The beginning of a character, whose rest comes with the next piece.
    rest: Vec<u8>,
}

impl Utf8Marks {
    /// Adds the next piece of a text, with `0xFF`, which is in no UTF-8, for each byte that does not belong there. A character that may
    /// go on in the next piece waits for it; whatever comes last must end with a whole one, such as a line end.
    pub fn add(&mut self, piece: &[u8], marked: &mut Vec<u8>) {
        let joined;
        let mut text = if self.rest.is_empty() {
            piece
        } else {
            self.rest.extend_from_slice(piece);
            joined = std::mem::take(&mut self.rest);
            &joined
        };
        while let Err(error) = std::str::from_utf8(text) {
            let (valid, rest) = text.split_at(error.valid_up_to());
            marked.extend_from_slice(valid);
            let Some(invalid) = error.error_len() else {
                self.rest = rest.to_vec();
                return;
            };
            marked.extend(std::iter::repeat_n(0xFF, invalid));
            text = &rest[invalid..];
        }
        marked.extend_from_slice(text);
    }
}

/// Kinds of files by how they begin.
const BEGINNINGS: [(&[u8], &str); 8] = [
    (b"PAR1", "a Parquet"),
    (b"ARROW1", "an Arrow"),
    (b"\x1f\x8b", "a gzip"),
    (b"\x28\xb5\x2f\xfd", "a zstd"),
    (b"BZh", "a bzip2"),
    (b"\xfd7zXZ", "an xz"),
    (b"PK\x03\x04", "a zip or Excel"),
    (b"ORC", "an ORC"),
];

/// The kind of file that begins so, with its article: what it is when it is not what its name says.
pub fn looks_like(start: &[u8]) -> Option<&'static str> {
    BEGINNINGS.iter().find(|(beginning, _)| start.starts_with(beginning)).map(|(_, kind)| *kind)
}

/// What to do about text that could not be read because it is in another encoding.
pub fn encoding_hint(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let is_encoding = error.to_string().contains("UTF-8");
    is_encoding
        .then_some("it must be UTF-8 text: of Latin-1, for one, `iconv -f ISO-8859-1 -t UTF-8` makes such")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_marked_wherever_a_piece_ends() {
        for (text, expected) in [
            (&b"a,b"[..], &b"a,b"[..]),
            ("é,\u{f0e8},😀\n".as_bytes(), "é,\u{f0e8},😀\n".as_bytes()),
            (b"\xef,\x83\xa8,x\n", b"\xff,\xff\xff,x\n"),
            (b"caf\xe9\n", b"caf\xff\n"),
            (b"\xf0\x9f\x98\n", b"\xff\xff\xff\n"),
        ] {
            for length in 1..=text.len() {
                let (mut marks, mut marked) = (Utf8Marks::default(), Vec::new());
                text.chunks(length).for_each(|piece| marks.add(piece, &mut marked));
                assert_eq!(marked, expected, "{text:?} in pieces of {length}");
            }
        }
    }

    #[test]
    fn a_panic_is_an_error_of_the_file() {
        assert!(decoding("f", || Ok(in_progress())).unwrap());
        let error = decoding::<()>("f", || panic!("bad {}", "page")).unwrap_err();
        assert_eq!(error.chain(), ["`f` could not be decoded: it is damaged", "bad page"]);
        assert!(!in_progress());
    }
}
