//! Views of plans and registries: labelled text, JSON. Text carries labels, never colours.

pub mod json;
pub mod text;
