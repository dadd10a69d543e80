//! The plan: what changes, what that means for readers and data, and the steps that make it so.
//!
//! The types here are the saved plan (`plan --out`), so they are a stored format and the only input of every view.

mod document;
mod preconditions;

pub use document::*;
