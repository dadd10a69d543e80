//! Functions that write and read other forms: JSON, CSV, base64, digests, parts of URLs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest;

use super::Arguments;
use crate::hcl::evaluate::Result;
use crate::hcl::template::TEXT_LIMIT;
use crate::hcl::value::Value;

pub(super) fn json_encode(arguments: &Arguments) -> Result<Value> {
    let json = arguments
        .value(0)
        .to_json()
        .map_err(|what| arguments.fail_at(0, format!("{what} has no JSON form")))?;
    arguments.made(escaped(&json.to_string()))
}

/// JSON that may stand in HTML, as Terraform writes it.
pub(super) fn escaped(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(safe, "\\u{:04x}", u32::from(character));
            }
            other => safe.push(other),
        }
    }
    safe
}

pub(super) fn json_decode(arguments: &Arguments) -> Result<Value> {
    let text = arguments.string(0)?;
    if text.len() > TEXT_LIMIT {
        return arguments.made(text.to_owned());
    }
    let json: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| arguments.fail_at(0, format!("the text is no JSON: {error}")))?;
    Ok(Value::from_json(&json))
}

/// A list with a map for each line after the first, which names the columns.
pub(super) fn csv_decode(arguments: &Arguments) -> Result<Value> {
    let text = arguments.string(0)?;
    let wrong = |error: csv::Error| arguments.fail_at(0, format!("the text is no CSV: {error}"));
    if let Some(line) = stray_quote(text) {
        return Err(arguments.fail_at(0, format!("line {line} of the text has a quote where none can be")));
    }
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
    if names.is_empty() {
        return Err(arguments.fail_at(0, "the text has no line with the names of columns"));
    }
    if names.iter().enumerate().any(|(at, name)| names[..at].contains(name)) {
        return Err(arguments.fail_at(0, "two columns of the text have one name"));
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(wrong)?;
        let entries = names.iter().zip(&row).map(|(name, text)| (name.clone(), Value::text(text.to_owned())));
        rows.push(Value::Map(entries.collect::<BTreeMap<_, _>>()));
    }
    arguments.made_list(rows)
}

/// The first line with a quote within a field that does not begin with one, with text behind a closing one, or with one
/// that nothing closes: the reader would take these.
fn stray_quote(text: &str) -> Option<usize> {
    let mut line = 1;
    let mut characters = text.chars().peekable();
    let mut at_start = true;
    while let Some(character) = characters.next() {
        if character == '"' && !at_start {
            return Some(line);
        }
        if character == '"' {
            loop {
                match characters.next() {
                    None => return Some(line),
                    Some('"') if characters.peek() == Some(&'"') => _ = characters.next(),
                    Some('"') => break,
                    Some(other) => line += usize::from(other == '\n'),
                }
            }
            if !matches!(characters.peek(), None | Some(',' | '\r' | '\n')) {
                return Some(line);
            }
        }
        line += usize::from(character == '\n');
        at_start = matches!(character, ',' | '\n');
    }
    None
}

pub(super) fn base64_encode(arguments: &Arguments) -> Result<Value> {
    arguments.made(STANDARD.encode(arguments.string(0)?))
}

pub(super) fn base64_decode(arguments: &Arguments) -> Result<Value> {
    let bytes = STANDARD
        .decode(arguments.string(0)?.replace(['\r', '\n'], ""))
        .map_err(|error| arguments.fail_at(0, format!("the text is no base64: {error}")))?;
    let text =
        String::from_utf8(bytes).map_err(|_| arguments.fail_at(0, "what is encoded is no text in UTF-8"))?;
    arguments.made(text)
}

pub(super) fn md5(arguments: &Arguments) -> Result<Value> {
    digest::<md5::Md5>(arguments)
}

pub(super) fn sha1(arguments: &Arguments) -> Result<Value> {
    digest::<sha1::Sha1>(arguments)
}

pub(super) fn sha256(arguments: &Arguments) -> Result<Value> {
    digest::<sha2::Sha256>(arguments)
}

pub(super) fn sha512(arguments: &Arguments) -> Result<Value> {
    digest::<sha2::Sha512>(arguments)
}

/// In hexadecimal digits.
fn digest<D: Digest>(arguments: &Arguments) -> Result<Value> {
    let mut digits = String::new();
    for byte in D::digest(arguments.string(0)?) {
        let _ = write!(digits, "{byte:02x}");
    }
    Ok(Value::String(digits))
}

/// As a value in the query of a URL: a space becomes `+`.
pub(super) fn url_encode(arguments: &Arguments) -> Result<Value> {
    let mut encoded = String::new();
    for byte in arguments.string(0)?.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte))
            }
            b' ' => encoded.push('+'),
            other => {
                let _ = write!(encoded, "%{other:02X}");
            }
        }
    }
    arguments.made(encoded)
}
