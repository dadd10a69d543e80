//! HCL text to a compact tree with spans, a reader of blocks, and the evaluator of expressions.
//!
//! Nothing here knows what a feature view is: `config` says which blocks exist. Parsing and evaluating never panic; a
//! failure is a diagnostic with a span. Read `tree`, `parse`, `value`, `evaluate`, `block`.

mod accept;
mod access;
mod block;
mod evaluate;
mod functions;
mod json;
mod mistake;
mod operator;
mod parse;
mod plain;
mod repeated;
mod split;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub(crate) use accept::{Accept, Located, reference_for_text};
pub(crate) use access::constant;
pub(crate) use block::{BlockReader, Context, Schema, for_dynamic};
pub(crate) use evaluate::{Each, Evaluator, Failure, Scope, evaluate_any, evaluate_public};
pub(crate) use functions::DOCUMENTATION;
pub(crate) use json::parse_json;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use parse::plain_pieces;
pub(crate) use parse::{Piece, meaning, parse_expression, parse_piece, pieces};
pub(crate) use tree::{Attribute, BinaryOperator, Block, Body, Expression, ExpressionKind, Name, Part, Step};
pub(crate) use value::{Number, Reference, Value};
