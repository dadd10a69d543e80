//! Modules: folders of definitions that are used under a name. Each use is a scope of its own; names of other scopes are
//! known in it only through its variables, and its own are known outside as `module.NAME.…`. An object's address does not
//! hold the module, so that moving a block into one changes nothing.

use std::collections::BTreeMap;

use super::object::{self, NameForm};
use super::scope::{Constants, NamedDefinition};
use super::variable::{Argument, Call};
use crate::check::{self, Definitions};
use crate::diagnostic::{Diagnostic, Diagnostics, codes, nearest, suggestion};
use crate::hcl::{Accept as _, Block, BlockReader, Context, Evaluator, Schema, evaluate_any};
use crate::model::Address;
use crate::source::Span;

/// Modules in modules go no deeper than this.
const DEPTH_LIMIT: usize = 16;

/// Attributes of a `module` block that set no variable.
pub(super) const RESERVED: [&str; 4] = ["source", "for_each", "name", "enabled"];

/// What a `module` block takes beside its variables.
pub(super) const FORM: Schema = Schema { labels: &["name"], attributes: &RESERVED, single: &[], blocks: &[] };

/// One scope of a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ScopeId(usize);

impl ScopeId {
    /// The project's own files.
    pub(super) const PROJECT: Self = Self(0);
}

struct ScopeInfo {
    parent: ScopeId,
    name: String,
    folder: String,
    depth: usize,
}

/// What a module in use is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Child {
    Scope(ScopeId),
    /// `enabled` leaves it out.
    LeftOut,
    /// It is wrong, which is said: nothing is known of it but its name.
    Unread,
}

/// The scopes of a project.
#[derive(Default)]
pub(super) struct Scopes {
    modules: Vec<ScopeInfo>,
    /// By the scope that uses the module, and the name it uses.
    children: BTreeMap<(ScopeId, String), (Child, Span)>,
    /// In which scope an object is defined.
    pub(super) objects: BTreeMap<Address, ScopeId>,
}

impl Scopes {
    fn info(&self, id: ScopeId) -> Option<&ScopeInfo> {
        self.modules.get(id.0.checked_sub(1)?)
    }

    /// Where the files of a scope are, relative to the project folder; empty for the project's own.
    pub(super) fn folder(&self, id: ScopeId) -> &str {
        self.info(id).map_or("", |info| &info.folder)
    }

    /// The scope that uses the module.
    fn parent(&self, id: ScopeId) -> Option<ScopeId> {
        self.info(id).map(|info| info.parent)
    }

    fn depth(&self, id: ScopeId) -> usize {
        self.info(id).map_or(0, |info| info.depth)
    }

    /// `module.a.module.b`, for messages.
    fn path(&self, id: ScopeId) -> String {
        match self.info(id) {
            None => "the project".to_owned(),
            Some(info) => format!("the module `{}`", info.name),
        }
    }

    /// Folders from the scope outwards.
    fn chain(&self, id: ScopeId) -> Vec<&str> {
        let mut folders = Vec::new();
        let mut next = id;
        while let Some(info) = self.info(next) {
            folders.push(info.folder.as_str());
            next = info.parent;
        }
        folders
    }

    /// Makes the scope of a module in use; a finding when that cannot be.
    pub(super) fn enter(&mut self, parent: ScopeId, module: &ModuleUse) -> Result<ScopeId, Box<Diagnostic>> {
        if let Some(at) = self.chain(parent).iter().position(|folder| *folder == module.folder) {
            let mut path: Vec<&str> = self.chain(parent)[..=at].to_vec();
            path.reverse();
            path.push(&module.folder);
            let message = format!("modules contain each other in a circle: {}", path.join(" → "));
            return Err(Box::new(Diagnostic::error(codes::CYCLE, module.source, message)));
        }
        if self.depth(parent) >= DEPTH_LIMIT {
            let message = format!("modules go more than {DEPTH_LIMIT} deep");
            return Err(Box::new(Diagnostic::error(codes::LIMIT, module.source, message)));
        }
        let depth = self.depth(parent) + 1;
        let (name, folder) = (module.call.name.clone(), module.folder.clone());
        self.modules.push(ScopeInfo { parent, name: name.clone(), folder, depth });
        let id = ScopeId(self.modules.len());
        self.children.insert((parent, name), (Child::Scope(id), module.name));
        Ok(id)
    }

    /// Makes the name of a module known that has no scope, or none yet.
    fn declare(&mut self, parent: ScopeId, name: String, child: Child, span: Span) {
        self.children.insert((parent, name), (child, span));
    }

    fn place_of(&self, parent: ScopeId, name: &str) -> Option<Span> {
        self.children.get(&(parent, name.to_owned())).map(|(_, span)| *span)
    }
}

/// A module that is used.
pub(super) struct ModuleUse {
    pub(super) call: Call,
    /// Where its files are, relative to the project folder.
    pub(super) folder: String,
    /// The value of `source`.
    pub(super) source: Span,
    name: Span,
}

/// Reads one round of a `module` block; none where it is left out or wrong, which is said.
pub(super) fn read(
    context: &Context<'_>,
    block: &Block,
    parent: ScopeId,
    scopes: &mut Scopes,
) -> Option<ModuleUse> {
    // Every attribute is allowed: which variables there are, the module says.
    let reader = BlockReader::unchecked(context, block);
    reader.check_form(&FORM);
    let named = object::named(&reader, 0, NameForm::Object)?;
    if let Some(first) = scopes.place_of(parent, &named.name) {
        let message = format!("two modules are named `{}`", named.name);
        context.report(Diagnostic::error(codes::DUPLICATE, named.span, message).also(first, "the first"));
        return None;
    }
    if !named.enabled {
        scopes.declare(parent, named.name, Child::LeftOut, named.span);
        return None;
    }
    scopes.declare(parent, named.name.clone(), Child::Unread, named.span);
    let (folder, source) = source(&reader, scopes.folder(parent))?;
    let arguments = block.body.attributes.iter().filter(|one| !RESERVED.contains(&one.key.text.as_str()));
    let arguments = arguments
        .map(|attribute| {
            let (value, sensitive) = evaluate_any(context.scope, &attribute.value);
            let value = value.map_err(|failure| context.fail(failure)).ok();
            let (key, span) = (attribute.key.span, attribute.value.span);
            (attribute.key.text.to_string(), Argument { value, sensitive, key, span })
        })
        .collect();
    let call = Call { name: named.name, header: block.header(), arguments };
    Some(ModuleUse { call, folder, source, name: named.span })
}

/// The folder that `source` names, which must be a text without references: files are looked for before anything has a
/// value.
fn source(reader: &BlockReader<'_>, base: &str) -> Option<(String, Span)> {
    let Some(attribute) = reader.attribute("source") else {
        reader.missing("source", "\"../modules/NAME\"");
        return None;
    };
    let span = attribute.value.span;
    let constants = Constants { what: "the source of a module" };
    let text = match Evaluator::new(&constants).evaluate(&attribute.value) {
        Ok(value) => {
            String::accept(value, span).map_err(|diagnostic| reader.context.report(*diagnostic)).ok()?
        }
        Err(failure) => {
            reader.context.fail(failure);
            return None;
        }
    };
    let local =
        ["./", "../"].iter().any(|start| text.starts_with(start)) || matches!(text.as_str(), "." | "..");
    if local && joined(base, &text) == base {
        let message = "this is the folder of the block itself";
        let help =
            "a module is another folder, such as `./modules/NAME`: what stands in this one needs no module";
        reader.context.report(Diagnostic::error(codes::VALUE, span, message).help(help));
        return None;
    }
    if local {
        return Some((joined(base, &text), span));
    }
    let message = format!("`{text}` is no folder of this repository");
    let help = if text.contains("://") || text.contains("::") || text.starts_with('/') {
        "modules are folders of the same repository: `./NAME` or `../NAME`".to_owned()
    } else {
        format!("write `./{text}`, or `../{text}`")
    };
    reader.context.report(Diagnostic::error(codes::VALUE, span, message).help(help));
    None
}

/// The literal sources of `module` blocks, as folders: files below them are no part of the scope that holds the blocks.
pub(super) fn literal_folder(block: &Block, base: &str) -> Option<String> {
    let source = block.body.attributes.iter().find(|attribute| attribute.key.text == "source")?;
    let constants = Constants { what: "the source of a module" };
    match Evaluator::new(&constants).evaluate(&source.value) {
        Ok(crate::hcl::Value::String(text)) => Some(joined(base, &text)).filter(|folder| folder != base),
        _ => None,
    }
}

/// A path that is relative to a folder, as one that is relative to the project folder, without `.` and inner `..`.
pub(super) fn joined(folder: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// Holds every name that an expression used to the scopes.
pub(super) fn check_names(
    scopes: &Scopes,
    named: &[NamedDefinition],
    definitions: &mut Definitions,
    findings: &mut Diagnostics,
) {
    let names: BTreeMap<ScopeId, &str> = scopes
        .children
        .iter()
        .filter_map(|((_, name), (child, _))| match child {
            Child::Scope(id) => Some((*id, name.as_str())),
            Child::LeftOut | Child::Unread => None,
        })
        .collect();
    let mut has_unnamed_modules = false;
    for unnamed in named {
        match unnamed {
            NamedDefinition::Unnamed(kind) => drop(definitions.unnamed.insert(*kind)),
            NamedDefinition::UnnamedModule => has_unnamed_modules = true,
            NamedDefinition::Named { .. } => {}
        }
    }
    for named in named {
        let NamedDefinition::Named { scope, module, address, span } = named else { continue };
        let wanted = match module {
            None => *scope,
            Some(name) => match scopes.children.get(&(*scope, name.clone())) {
                Some((Child::Scope(child), _)) => *child,
                Some((Child::Unread, _)) => {
                    definitions.told.insert(*span);
                    continue;
                }
                None if has_unnamed_modules => {
                    definitions.told.insert(*span);
                    continue;
                }
                Some((Child::LeftOut, place)) => {
                    definitions.told.insert(*span);
                    let message = format!("the module `{name}` is left out: its `enabled` is false");
                    let diagnostic = Diagnostic::error(codes::UNKNOWN_REFERENCE, *span, message);
                    findings.push(diagnostic.also(*place, "defined here"));
                    continue;
                }
                None => {
                    definitions.told.insert(*span);
                    let known = scopes.children.keys().filter(|(parent, _)| parent == scope);
                    let known: Vec<&str> = known.map(|(_, name)| name.as_str()).collect();
                    let message = format!("there is no module `{name}`");
                    let diagnostic = Diagnostic::error(codes::UNKNOWN_REFERENCE, *span, message);
                    let help = suggestion(name, known).unwrap_or_else(|| {
                        format!("use one: `module \"{name}\" {{ source = \"./modules/{name}\" }}`")
                    });
                    findings.push(diagnostic.help(help));
                    continue;
                }
            },
        };
        match scopes.objects.get(address) {
            Some(found) if *found != wanted => {
                definitions.told.insert(*span);
                findings.push(elsewhere(scopes, (*scope, wanted, *found), address, *span));
            }
            Some(_) => {}
            None => {
                let near = || near(scopes, &names, (*scope, wanted), address);
                if let Some(diagnostic) = check::unresolved(definitions, address, *span, near) {
                    findings.push(diagnostic);
                    definitions.told.insert(*span);
                }
            }
        }
    }
}

/// Names that may have been meant: those of the scope that it is looked for in; or, where it is named without a module, those
/// of the modules that are used there. `names` are those of modules.
fn near(
    scopes: &Scopes,
    names: &BTreeMap<ScopeId, &str>,
    (here, wanted): (ScopeId, ScopeId),
    address: &Address,
) -> Option<String> {
    let first = Address::new(address.kind, "");
    let of_kind = || scopes.objects.range(&first..).take_while(|(known, _)| known.kind == address.kind);
    let own = of_kind().filter(|(_, scope)| **scope == wanted).map(|(known, _)| known.name.as_str());
    let own: Vec<&str> = own.collect();
    if here == wanted && nearest(&address.name, own.iter().copied()).is_empty() {
        let inner = of_kind().filter(|(_, scope)| scopes.parent(**scope) == Some(here));
        let inner: Vec<&str> = inner.map(|(known, _)| known.name.as_str()).collect();
        if let Some(name) = nearest(&address.name, inner).first() {
            let found = Address::new(address.kind, *name);
            let module = scopes.objects.get(&found).and_then(|scope| names.get(scope))?;
            return Some(format!("did you mean `module.{module}.{found}`?"));
        }
    }
    let help = suggestion(&address.name, own);
    if here == wanted {
        help
    } else {
        help.or_else(|| Some(format!("the module defines no `{}`", address.kind)))
    }
}

fn elsewhere(
    scopes: &Scopes,
    (here, wanted, found): (ScopeId, ScopeId, ScopeId),
    address: &Address,
    span: Span,
) -> Diagnostic {
    let message =
        format!("`{address}` is not defined in {}, but in {}", scopes.path(wanted), scopes.path(found));
    let child =
        scopes.children.iter().find(|((parent, _), (id, _))| *parent == here && *id == Child::Scope(found));
    let help = match child {
        Some(((_, name), _)) => format!("write `module.{name}.{address}`"),
        None if found == here => format!("write `{address}`"),
        None if here != ScopeId::PROJECT => format!(
            "a module knows its own names only: give it this one by a variable, `variable \"{}\" {{ type = {} }}`",
            address.name, address.kind
        ),
        None => format!(
            "it can be named only where the module `{}` is used",
            scopes.info(found).map_or("", |info| &info.name)
        ),
    };
    Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message).help(help)
}
