//! Whether a source fits the views on it.
