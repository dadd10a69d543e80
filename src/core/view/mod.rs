//! Views of plans and registries: labelled text, JSON, Markdown, HTML. Text carries labels, never colours. `wording` and
//! `difference` hold what more than one view says; making it safe is the work of each view.

mod difference;
pub mod graph;
pub mod html;
mod lineage;
pub mod markdown;
#[cfg(test)]
mod tests;
pub mod text;
mod value;
mod visible;
mod wording;
