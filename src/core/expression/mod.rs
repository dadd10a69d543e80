//! Expressions of on-demand feature views: the language's own syntax over columns of feature views and request sources.
//!
//! `tree` is an expression with its names resolved and variables filled in; its text is canonical, so that layout and
//! comments are no change, and is what registries store. `typed` gives it types and the columns it reads, which is the
//! lineage that plans follow. `evaluate` works on whole columns; training and serving call the same code. Nulls go
//! through: null in, null out, but for `coalesce`, `is_null` and the branch of a conditional that is not taken. Nothing
//! here panics or stops on a bad row: what has no value (a division by zero, an overflow) is null, and counted.

mod datum;
mod evaluate;
mod function;
mod mistake;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod typed;

use std::collections::BTreeMap;

pub use datum::Vector;
pub use evaluate::Evaluated;
pub use function::{FunctionDocumentation, functions};
pub(crate) use tree::{Sources, Tree};
pub(crate) use typed::Inputs;
use typed::Typed;

use crate::diagnostic::Diagnostic;
use crate::model::ValueType;

/// A column that an expression reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnName {
    /// Name of the feature view or request source.
    pub source: String,
    /// The feature or field.
    pub name: String,
}

/// An expression that can be evaluated.
#[derive(Clone, Debug)]
pub struct Compiled {
    root: Typed,
    columns: Vec<ColumnName>,
    value_type: ValueType,
}

impl Compiled {
    /// Compiles the stored text of an expression. `columns` are those of its sources, by source and name.
    ///
    /// # Errors
    /// Text that no version of this program stored, a column that is not there, types that do not fit; one sentence.
    pub fn of_text(
        text: &str,
        value_type: &ValueType,
        columns: &BTreeMap<String, BTreeMap<String, ValueType>>,
    ) -> Result<Self, String> {
        let message = |diagnostic: Box<Diagnostic>| diagnostic.message;
        let sources: Vec<&str> = columns.keys().map(String::as_str).collect();
        let tree = Tree::of_text(text, &sources).map_err(message)?;
        Self::of_tree(&tree, value_type, &Inputs::new(columns)).map_err(message)
    }

    /// Gives a tree types; the value must fit the declared type.
    pub(crate) fn of_tree(
        tree: &Tree,
        value_type: &ValueType,
        inputs: &Inputs<'_>,
    ) -> Result<Self, Box<Diagnostic>> {
        let typed::Compiled { root, columns, .. } = typed::compile(tree, value_type, inputs)?;
        Ok(Self { root, columns, value_type: value_type.clone() })
    }

    /// What is wrong with the types of a tree, or else with its literals: those with which nothing ever has a value.
    pub(crate) fn mistakes(tree: &Tree, value_type: &ValueType, inputs: &Inputs<'_>) -> Vec<Diagnostic> {
        match typed::compile(tree, value_type, inputs) {
            Ok(compiled) => compiled.hopeless,
            Err(diagnostic) => vec![*diagnostic],
        }
    }

    /// What is wrong with the names of a tree, with the column where that is one.
    pub(crate) fn unknown_names(
        tree: &Tree,
        inputs: &Inputs<'_>,
    ) -> Vec<(Option<ColumnName>, Box<Diagnostic>)> {
        mistake::unknown_names(tree, inputs)
    }

    /// The columns it reads, each once, in the order in which [`Compiled::evaluate`] takes them.
    pub fn columns(&self) -> &[ColumnName] {
        &self.columns
    }

    /// The type of its values.
    pub const fn value_type(&self) -> &ValueType {
        &self.value_type
    }

    /// Its value for each of `rows` rows, from its columns, which are as long.
    pub fn evaluate(&self, columns: &[Vector], rows: usize) -> Evaluated {
        evaluate::evaluate(&self.root, columns, rows, &self.value_type)
    }
}

/// The expression with one source under another name; as it is when the text is no expression.
pub fn with_source(text: &str, from: &str, to: &str) -> String {
    tree::renamed(text, &mut |column| {
        if column.source == from {
            to.clone_into(&mut column.source);
        }
    })
}

/// The expression with one column under another name; as it is when the text is no expression.
pub fn with_column(text: &str, source: &str, from: &str, to: &str) -> String {
    tree::renamed(text, &mut |column| {
        if column.source == source && column.name == from {
            to.clone_into(&mut column.name);
        }
    })
}

/// The columns of these sources that a stored expression reads; none when the text is no expression.
pub fn columns_of(text: &str, sources: &[&str]) -> Vec<ColumnName> {
    Tree::of_text(text, sources).map_or_else(|_| Vec::new(), |tree| tree.columns())
}
