//! `${NAME}` in settings.

/// A name in `${NAME}` that is not set, or no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsetVariable {
    /// The environment has no such variable.
    #[error("the environment variable `{name}` is not set, and `{setting}` needs it")]
    Unset {
        /// The name.
        name: String,
        /// The setting as written.
        setting: String,
    },
    /// `${` without a name and `}`.
    #[error("`{setting}` holds a `${{` that is not `${{NAME}}`")]
    Malformed {
        /// The setting as written.
        setting: String,
    },
}

pub(super) fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, UnsetVariable> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = rest.split_at(at);
        if let Some(literal) = before.strip_suffix('$') {
            expanded.push_str(literal);
            expanded.push_str("${");
            rest = &after[2..];
            continue;
        }
        expanded.push_str(before);
        let malformed = || UnsetVariable::Malformed { setting: text.to_owned() };
        let (name, after) = after[2..].split_once('}').ok_or_else(malformed)?;
        if name.is_empty()
            || !name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
        {
            return Err(malformed());
        }
        let unset = || UnsetVariable::Unset { name: name.to_owned(), setting: text.to_owned() };
        expanded.push_str(&lookup(name).ok_or_else(unset)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_host(text: &str) -> Result<String, String> {
        let lookup = |name: &str| (name == "REDIS_HOST").then(|| "${X}".to_owned());
        expand(text, &lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_replaced_once() {
        assert_eq!(with_host("${REDIS_HOST}:6379").as_deref(), Ok("${X}:6379"));
        assert_eq!(with_host("plain $ {}").as_deref(), Ok("plain $ {}"));
        assert_eq!(with_host("a$${REDIS_HOST}").as_deref(), Ok("a${REDIS_HOST}"));
    }

    #[test]
    fn an_unset_name_is_named_with_its_setting() {
        let error = with_host("${REDIS_HOST}:${PORT}").unwrap_err();
        assert_eq!(error, "the environment variable `PORT` is not set, and `${REDIS_HOST}:${PORT}` needs it");
        let error = with_host("${REDIS").unwrap_err();
        assert_eq!(error, "`${REDIS` holds a `${` that is not `${NAME}`");
    }
}
