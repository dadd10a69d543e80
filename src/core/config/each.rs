//! `for_each`: the rounds of a block that stands for several, each with its own `each.key` and `each.value`.

use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::{Attribute, Block, Context, Each, Number, Value};

/// A `for_each` takes no more elements than this.
const ROUNDS_LIMIT: usize = 100_000;

/// Calls `read` once for a block without `for_each`, else once for each element: of a list in its order, with the position
/// from 0 as key; of a set with itself as key; of a map by key. Whether the rounds are known; else it is said why not.
pub(super) fn rounds(context: &Context<'_>, block: &Block, mut read: impl FnMut(&Context<'_>)) -> bool {
    let Some(each) = block.body.attributes.iter().find(|attribute| attribute.key.text == "for_each") else {
        read(context);
        return true;
    };
    let Some(elements) = elements(context, block, each) else {
        context.scope.leave_unnamed(&block.kind.text);
        return false;
    };
    for (key, value) in elements {
        let scope = Each { outer: context.scope, key, value };
        read(&Context { scope: &scope, findings: context.findings });
    }
    true
}

/// Keys and values of the rounds.
fn elements(context: &Context<'_>, block: &Block, each: &Attribute) -> Option<Vec<(Value, Value)>> {
    let collection = context.evaluate(&each.value)?;
    let refuse = |code, message: String, help: &str| {
        context.report(Diagnostic::error(code, each.value.span, message).help(help));
        None
    };
    let elements: Vec<(Value, Value)> = match collection {
        Value::List(elements) => (0..).map(|at| Value::Number(Number::Integer(at))).zip(elements).collect(),
        Value::Set(elements) => elements.into_iter().map(|element| (element.clone(), element)).collect(),
        Value::Map(entries) => entries.into_iter().map(|(key, value)| (Value::String(key), value)).collect(),
        other => {
            let message = format!("`for_each` takes a list, a set or a map, found {}", other.kind());
            let help = match other {
                Value::Number(_) => "write `range(…)` to count",
                _ => "write it in brackets: `[…]`",
            };
            return refuse(codes::WRONG_TYPE, message, help);
        }
    };
    if elements.len() > ROUNDS_LIMIT {
        let message = format!("`for_each` has {} elements; the most is {ROUNDS_LIMIT}", elements.len());
        return refuse(codes::LIMIT, message, "split the block");
    }
    // Also of one element, and of none: in another environment, there may be two.
    if !block.body.attributes.iter().any(|attribute| attribute.key.text == "name") {
        let diagnostic = Diagnostic::error(
            codes::MISSING,
            block.header(),
            "a block with `for_each` has no `name` of its own for each round",
        );
        let label = block.labels.last().map_or("NAME", |label| label.text.as_str());
        let is_of_texts = elements.iter().any(|(_, value)| matches!(value, Value::String(_)));
        let part = if is_of_texts { "value" } else { "key" };
        context.report(diagnostic.help(format!("add `name = \"{label}_${{each.{part}}}\"`")));
        return None;
    }
    Some(elements)
}
