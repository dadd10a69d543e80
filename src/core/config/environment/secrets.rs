//! What of `feature_store.yaml` may be shown. Its lines stand under findings, and a secret may stand in any of them.

use super::super::yaml::{self, Data, Entry, Node};
use super::stores;
use crate::source::{SourceFile, SourceId, Sources};

/// Words in keys whose values are secrets, where the file cannot be read as YAML.
const WORDS: [&str; 7] = ["pas", "pwd", "secret", "token", "key", "connection", "user"];

/// The file with `*` for each byte of what may be a secret: values of settings of stores that are secrets or not known,
/// and everything about authentication. Every other byte stays in its place.
pub fn without_secrets(file: &SourceFile) -> SourceFile {
    let sources = Sources::of(file.clone());
    let mut hidden = Vec::new();
    match yaml::parse(&sources, SourceId::default()) {
        Ok(Some(Node { data: Data::Map(entries), .. })) => {
            for entry in &entries {
                match (entry.key.as_str(), &entry.value.data) {
                    ("online_store" | "offline_store", Data::Map(settings)) => {
                        // An address may hold a user.
                        let shown = |setting: &&Entry| {
                            let is_plain = !setting.value.text().is_some_and(|text| text.contains('@'));
                            setting.key == "type" || (stores::is_public(&setting.key) && is_plain)
                        };
                        for setting in settings.iter().filter(|setting| !shown(setting)) {
                            hidden.push(setting.value.span.range());
                        }
                    }
                    ("auth", _) => hidden.push(entry.value.span.range()),
                    _ => {}
                }
            }
        }
        Ok(_) => {}
        Err(_) => hidden.extend(suspicious(&file.text)),
    }
    let mut shown = file.clone();
    hidden.into_iter().for_each(|range| shown.blot(range));
    shown
}

/// From the first such word of a line to its end.
fn suspicious(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let begins = start;
        start += line.len();
        let lower = line.to_ascii_lowercase();
        let at = WORDS.iter().filter_map(|word| Some(lower.find(word)? + word.len())).min()?;
        Some(begins + at..begins + line.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let shown = without_secrets(&SourceFile::new("feature_store.yaml", text));
        assert_eq!(shown.text.len(), text.len());
        shown.text
    }

    #[test]
    fn a_secret_is_shown_in_no_line() {
        for text in [
            "online_store: { type: redis, pasword: canary, connection_string: \"h:1,password=canary\" }\n",
            "online_store:\n  type: redis\n  password: canary\n  nested: { a: canary, b: [canary] }\n",
            "auth:\n  type: oidc\n  client_secret: canary\n",
            "auth: canary\n",
            "offline_store: { type: file, endpoint: \"http://canary:canary@host\" }\n",
            "offline_store: { type: file, endpoint: \"http://${USER}:canary@host\" }\n",
            "online_store: { password: canary\n",
            "a: b: c\nPassword: canary canary\n",
        ] {
            assert!(!shown(text).contains("canary"), "{}", shown(text));
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        let text = "project: a\nonline_store: { type: dynamodb, region: eu-west-1, billing_mode: free }\n";
        assert_eq!(shown(text), text);
    }
}
