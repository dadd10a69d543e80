//! What is wrong with an expression though it could be typed, or before it is: names that are not there, and literals with
//! which nothing ever has a value. The last are no reason not to evaluate what was applied once.

use std::collections::BTreeSet;

use super::ColumnName;
use super::datum::Datum;
use super::function::{self, Function};
use super::tree::{Tree, TreeKind, unknown_column};
use super::typed::{Inputs, Node, Typed};
use crate::diagnostic::{Diagnostic, codes, suggestion};
use crate::model::ValueType;
use crate::source::Span;

/// What is wrong with the names of a tree: of every column and function that is not there once.
pub(super) fn unknown_names(tree: &Tree, inputs: &Inputs<'_>) -> Vec<(Option<ColumnName>, Box<Diagnostic>)> {
    let mut unknown = Vec::new();
    let mut told = BTreeSet::new();
    tree.visit(&mut |tree| match &tree.kind {
        TreeKind::Column(column) => {
            let columns = inputs.columns.get(&column.source);
            if columns.is_none_or(|columns| !columns.contains_key(&column.name))
                && told.insert(column.clone())
            {
                let known = columns.into_iter().flat_map(|columns| columns.keys().map(String::as_str));
                unknown.push((Some(column.clone()), unknown_column(column, tree.span, known)));
            }
        }
        TreeKind::Call { name, name_span, .. } if !function::names().any(|known| known == name) => {
            let named = ColumnName { source: String::new(), name: name.clone() };
            if told.insert(named) {
                unknown.push((None, unknown_function(name, *name_span)));
            }
        }
        _ => {}
    });
    unknown
}

pub(super) fn unknown_function(name: &str, span: Span) -> Box<Diagnostic> {
    let message = format!("there is no function `{name}` over columns");
    let help = function::elsewhere(name).map(str::to_owned).or_else(|| suggestion(name, function::names()));
    Box::new(Diagnostic::error(codes::UNKNOWN_FUNCTION, span, message).maybe_help(help))
}

/// What evaluates to nothing without any column.
pub(super) fn no_value(tree: &Tree) -> Diagnostic {
    let help = match &tree.kind {
        TreeKind::Call { name, .. } if name == "to_timestamp" => {
            "a time is written `2026-12-31T08:00:00Z`, or `2026-12-31`"
        }
        TreeKind::Call { name, .. } if matches!(name.as_str(), "to_int" | "to_float") => {
            "it is no number, or one that is too large"
        }
        TreeKind::Index(_) => "elements are counted from 0",
        _ => "the result is too large, or no number",
    };
    let message = "this has no value, whatever the columns hold";
    Diagnostic::error(codes::ARITHMETIC, tree.span, message).help(help)
}

/// Numbers that the declared type cannot hold, where the value is one of them.
pub(super) fn misfits(tree: &Tree, typed: &Typed, value_type: &ValueType, hopeless: &mut Vec<Diagnostic>) {
    match (&tree.kind, &typed.node) {
        (_, Node::Constant(Some(value))) if value.clone().into_value(value_type).is_none() => {
            let text = tree.to_text();
            let text = if text.len() < 40 { format!("`{text}`") } else { "this".to_owned() };
            let larger = match value_type {
                ValueType::Int32 => "`int64`",
                ValueType::Float32 => "`float64`",
                _ => "a larger type",
            };
            let message = format!("{text} is no value of the type {value_type}");
            let diagnostic = Diagnostic::error(codes::EXPRESSION, tree.span, message);
            hopeless.push(diagnostic.help(format!("declare the feature as {larger}")));
        }
        (TreeKind::Conditional(trees), Node::Conditional(parts)) => {
            trees[1..]
                .iter()
                .zip(&parts[1..])
                .for_each(|(tree, part)| misfits(tree, part, value_type, hopeless));
        }
        (TreeKind::Call { arguments, .. }, Node::Coalesce(parts)) => {
            arguments.iter().zip(parts).for_each(|(tree, part)| misfits(tree, part, value_type, hopeless));
        }
        _ => {}
    }
}

/// Literal arguments that the function takes no value for.
pub(super) fn outside_of_domains(function: &Function, typed: &[Typed], trees: &[Tree]) -> Vec<Diagnostic> {
    let mut outside = Vec::new();
    // The others stand for anything: a domain looks at its own.
    let values: Vec<Option<Datum>> = typed.iter().map(|one| one.node.known().cloned()).collect();
    for domain in function.domains {
        let all_known = domain.arguments.iter().all(|at| values.get(*at).is_some_and(Option::is_some));
        let values: Vec<Datum> =
            values.iter().map(|value| value.clone().unwrap_or(Datum::Bool(false))).collect();
        if !all_known || (domain.holds)(&values) {
            continue;
        }
        let found: Vec<String> = domain
            .arguments
            .iter()
            .filter_map(|at| values.get(*at)?.to_plain_text())
            .map(|text| format!("`{text}`"))
            .collect();
        let span = domain.arguments.first().and_then(|at| trees.get(*at)).map(|tree| tree.span);
        let message =
            format!("`{}`: expected {}, found {}", function.name, domain.wanted, found.join(" and "));
        outside.push(Diagnostic::error(codes::FUNCTION, span.unwrap_or_default(), message));
    }
    outside
}
