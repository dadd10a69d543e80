//! The form of names, and that each is given once.

use crate::diagnostic::{Diagnostic, codes};
use crate::model::Address;
use crate::source::Span;

/// Longest name, in bytes.
const LIMIT: usize = 63;

/// Whether this may name an object: `[A-Za-z_][A-Za-z0-9_]{0,62}` without `__`.
pub fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit()) && is_feature_name(name)
}

/// Whether this may name a feature: as an object, but a digit may come first.
pub fn is_feature_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LIMIT
        && !name.contains("__")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The finding for a second definition of a name; upper and lower case are the same.
pub(crate) fn duplicate(address: &Address, second: Span, first: Span) -> Diagnostic {
    let message = format!("`{address}` is defined twice");
    if first == second {
        let help = "a block that is read more than once, by `for_each` or by a second use of its module, needs another `name` each time";
        return Diagnostic::error(codes::DUPLICATE, second, message).help(help);
    }
    let diagnostic = Diagnostic::error(codes::DUPLICATE, second, message).label("the second");
    diagnostic.also(first, "the first").help("names are compared without regard to upper and lower case")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_form() {
        for name in ["a", "_", "driver_id", "A1", &"x".repeat(63)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1a", "a__b", "a-b", "a.b", "ä", &"x".repeat(64)] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_feature_name("7D_AVG"));
    }
}
