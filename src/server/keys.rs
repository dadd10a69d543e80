//! API keys: who may read and who may write. Only SHA-256 digests are kept, so a file of keys gives none away; keys are
//! long and random, which is why a plain digest is enough. A presented key is compared with all of them, each in constant
//! time.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Read features.
    Read,
    /// Write to the online store, and materialize.
    Write,
}

/// The keys of a server.
///
/// As text: one key a line, its name, its scopes (`read`, `write` or `read,write`) and the SHA-256 digest of the key as 64
/// hexadecimal digits, with spaces between. Empty lines and lines that begin with `#` are left out.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeys(Vec<ApiKey>);

#[derive(Clone, PartialEq, Eq)]
struct ApiKey {
    name: String,
    read: bool,
    write: bool,
    digest: [u8; 32],
}

/// Text that holds no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysError {
    line: usize,
    reason: &'static str,
}

impl fmt::Display for KeysError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The line itself may hold a key by mistake.
        write!(formatter, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for KeysError {}

impl FromStr for ApiKeys {
    type Err = KeysError;

    fn from_str(text: &str) -> Result<Self, KeysError> {
        let mut keys: Vec<ApiKey> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |reason| KeysError { line: at + 1, reason };
            let key = ApiKey::read(line).map_err(wrong)?;
            if keys.iter().any(|known| known.name == key.name) {
                return Err(wrong("another key has this name"));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(KeysError { line: 1, reason: "there is no key" });
        }
        Ok(Self(keys))
    }
}

impl ApiKey {
    fn read(line: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [name, scopes, digest] = parts.as_slice() else {
            return Err("a key is a name, its scopes and a SHA-256 digest");
        };
        let (mut read, mut write) = (false, false);
        for scope in scopes.split(',') {
            match scope {
                "read" => read = true,
                "write" => write = true,
                _ => return Err("a scope is `read` or `write`"),
            }
        }
        let digest = hexadecimal(digest).ok_or("a digest is 64 hexadecimal digits: that of `sha256sum`")?;
        Ok(Self { name: (*name).to_owned(), read, write, digest })
    }

    const fn may(&self, scope: Scope) -> bool {
        match scope {
            Scope::Read => self.read,
            Scope::Write => self.write,
        }
    }
}

fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// What a presented key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may do this.
    Allowed,
    /// It is known and may not do this.
    Forbidden,
    /// It is not known.
    Unknown,
}

impl ApiKeys {
    /// Whether a key may do something. Takes as long for a wrong key as for a right one.
    pub(crate) fn verdict(&self, presented: &[u8], scope: Scope) -> Verdict {
        let digest: [u8; 32] = Sha256::digest(presented).into();
        let mut verdict = Verdict::Unknown;
        for key in &self.0 {
            if bool::from(key.digest.ct_eq(&digest)) {
                verdict = if key.may(scope) { Verdict::Allowed } else { Verdict::Forbidden };
            }
        }
        verdict
    }

    /// The names of all keys, with commas.
    pub(crate) fn names(&self) -> String {
        self.0.iter().map(|key| key.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|key| &key.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(key: &str) -> String {
        Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn keys_do_what_their_scopes_say() {
        let text = format!(
            "# keys\n\nmodel read {}\nloader write {}\nboth read,write {}\n",
            digest("one"),
            digest("two"),
            digest("three").to_uppercase()
        );
        let keys: ApiKeys = text.parse().unwrap();
        use Verdict::{Allowed, Forbidden, Unknown};
        for (key, read, write) in [
            ("one", Allowed, Forbidden),
            ("two", Forbidden, Allowed),
            ("three", Allowed, Allowed),
            ("four", Unknown, Unknown),
            ("", Unknown, Unknown),
        ] {
            let verdicts = [Scope::Read, Scope::Write].map(|scope| keys.verdict(key.as_bytes(), scope));
            assert_eq!(verdicts, [read, write], "{key}");
        }
        assert_eq!(format!("{keys:?}"), r#"["model", "loader", "both"]"#, "no digest in logs");
    }

    #[test]
    fn what_holds_no_keys_is_refused_without_being_quoted() {
        let good = digest("one");
        for (text, expected) in [
            (String::new(), "line 1: there is no key"),
            ("secret".to_owned(), "line 1: a key is"),
            (format!("\na read {good} x"), "line 2: a key is"),
            (format!("a admin {good}"), "line 1: a scope"),
            ("a read secret".to_owned(), "line 1: a digest"),
            (format!("a read {}", "ü".repeat(32)), "line 1: a digest"),
            (format!("a read {good}\na write {good}"), "line 2: another key"),
        ] {
            let error = text.parse::<ApiKeys>().unwrap_err().to_string();
            assert!(error.starts_with(expected) && !error.contains("secret"), "{error}");
        }
    }
}
