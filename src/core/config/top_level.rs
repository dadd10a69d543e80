//! The blocks that stand in files, sorted by what they are.

use std::cell::RefCell;

use super::parse::ParsedFile;
use crate::diagnostic::{Diagnostic, Diagnostics, codes, suggestion};
use crate::hcl::{Block, ExpressionKind, for_dynamic};
use crate::model::ObjectKind;

/// Types of blocks that stand in a file, beside objects.
const BLOCKS: [&str; 6] = ["variable", "locals", "module", "moved", "removed", "allow"];

/// The blocks of a scope's files, by what they are.
#[derive(Default)]
pub(super) struct TopLevel<'a> {
    pub(super) variables: Vec<&'a Block>,
    pub(super) locals: Vec<&'a Block>,
    pub(super) objects: Vec<(ObjectKind, &'a Block)>,
    pub(super) modules: Vec<&'a Block>,
    pub(super) moved: Vec<&'a Block>,
    pub(super) removed: Vec<&'a Block>,
    pub(super) allowed: Vec<&'a Block>,
}

impl<'a> TopLevel<'a> {
    pub(super) fn sort(files: &'a [ParsedFile], findings: &RefCell<Diagnostics>) -> Self {
        let mut top = Self::default();
        let report = |diagnostic| findings.borrow_mut().push(diagnostic);
        for ParsedFile { body, .. } in files {
            for attribute in &body.attributes {
                let name = &attribute.key.text;
                let (message, help) = match as_block(name, &attribute.value.kind) {
                    Some(form) => (
                        format!("`{name}` is a block, not an attribute"),
                        format!("remove the `=`: write `{form}`"),
                    ),
                    None => (
                        format!("`{name}` stands outside of any block"),
                        format!("values are defined in `locals {{ {name} = … }}`"),
                    ),
                };
                report(Diagnostic::error(codes::UNKNOWN_ATTRIBUTE, attribute.key.span, message).help(help));
            }
            for block in &body.blocks {
                match block.kind.text.as_str() {
                    "variable" => top.variables.push(block),
                    "locals" => {
                        if let Some(extra) = block
                            .labels
                            .first()
                            .map(|label| label.span)
                            .or_else(|| block.body.blocks.first().map(Block::header))
                        {
                            let message = "`locals` takes attributes only";
                            report(Diagnostic::error(codes::UNKNOWN_BLOCK, extra, message));
                        }
                        top.locals.push(block);
                    }
                    "module" => top.modules.push(block),
                    "moved" => top.moved.push(block),
                    "removed" => top.removed.push(block),
                    "allow" => top.allowed.push(block),
                    other => match ObjectKind::ALL.into_iter().find(|kind| kind.as_str() == other) {
                        Some(kind) => top.objects.push((kind, block)),
                        None => report(unknown_block(block)),
                    },
                }
            }
        }
        top
    }
}

/// Whether there is a block of this type.
pub(super) fn is_block(name: &str) -> bool {
    BLOCKS.contains(&name) || ObjectKind::ALL.iter().any(|kind| kind.as_str() == name)
}

/// How a block is written whose type stands as the name of an attribute.
fn as_block(name: &str, value: &ExpressionKind) -> Option<String> {
    let label = match value {
        ExpressionKind::String(label) => label,
        _ => "NAME",
    };
    match name {
        "locals" | "moved" | "removed" => Some(format!("{name} {{ … }}")),
        "data_source" => Some(format!("{name} \"file\" \"{label}\" {{ … }}")),
        "allow" => Some(format!("{name} \"PV109\" {{ … }}")),
        other if is_block(other) => Some(format!("{name} \"{label}\" {{ … }}")),
        _ => None,
    }
}

fn unknown_block(block: &Block) -> Diagnostic {
    let name = block.kind.text.as_str();
    let help = match name {
        "resource" | "data" => {
            Some("a definition begins with its kind, as in `entity \"driver\" { … }`".to_owned())
        }
        "provider" | "terraform" | "registry" | "online_store" | "offline_store" => {
            Some("where things live is written in feature_store.yaml".to_owned())
        }
        "batch_feature_view" | "stream_feature_view" => Some("write `feature_view`".to_owned()),
        "output" => Some("every definition of a module can be named outside of it: leave it out".to_owned()),
        "local" => Some("did you mean `locals`?".to_owned()),
        "dynamic" | "if" | "for" | "foreach" => for_dynamic(block),
        _ => {
            let objects = ObjectKind::ALL.map(ObjectKind::as_str);
            suggestion(name, BLOCKS.into_iter().chain(objects))
        }
    };
    let message = format!("there is no block `{name}`");
    Diagnostic::error(codes::UNKNOWN_BLOCK, block.kind.span, message).maybe_help(help)
}
