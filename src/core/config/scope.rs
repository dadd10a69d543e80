//! What expressions of one scope can see: variables, locals, files. A local is evaluated when it is first needed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::module::{ScopeId, joined};
use super::top_level::TopLevel;
use super::variable::Variable;
use crate::check::Unread;
use crate::diagnostic::{Diagnostic, Diagnostics, codes, suggestion};
use crate::hcl::{Attribute, Block, Failure, Reference, Scope, Value, evaluate_any};
use crate::model::{Address, ObjectKind};
use crate::source::Span;

/// Locals that need each other go no deeper than this.
const DEPTH_LIMIT: usize = 64;
/// A local holds no more elements and bytes than this.
const SIZE_LIMIT: usize = 1 << 20;

/// A scope without names, for values that may not depend on others.
pub(super) struct Constants {
    /// What is evaluated, for messages.
    pub(super) what: &'static str,
}

impl Constants {
    fn refuse<T>(&self, span: Span) -> Result<T, Failure> {
        let message = format!("{} cannot refer to variables and locals", self.what);
        Err(Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message).into())
    }
}

impl Scope for Constants {
    fn variable(&self, _: &str, span: Span) -> Result<Value, Failure> {
        self.refuse(span)
    }

    fn local(&self, _: &str, span: Span) -> Result<Value, Failure> {
        self.refuse(span)
    }

    fn read_file(&self, _: &str) -> Result<String, String> {
        Err(format!("{} cannot read files", self.what))
    }
}

/// Reads a file for the function `file`.
pub(super) type ReadFile<'a> = &'a (dyn Fn(&str) -> Result<String, String> + Sync);

/// What a scope shares with all others that one thread reads.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) read_file: ReadFile<'a>,
    pub(super) findings: &'a RefCell<Diagnostics>,
    /// Every definition that an expression named.
    pub(super) named: &'a RefCell<Vec<NamedDefinition>>,
    /// Steps of loops that were taken.
    pub(super) steps: &'a Cell<usize>,
    /// Text that could not be parsed, so that some names are not known.
    pub(super) unread: &'a Unread,
}

/// What a scope says about names of definitions.
#[derive(Clone, Debug)]
pub(super) enum NamedDefinition {
    /// An expression names one.
    Named {
        scope: ScopeId,
        /// The module of that scope that it is named with.
        module: Option<String>,
        address: Address,
        span: Span,
    },
    /// A block defines one, or some, whose names are not known.
    Unnamed(ObjectKind),
    /// The same of a block that uses modules.
    UnnamedModule,
}

/// The names of a scope: of the project's own files, or of one module in use. Threads that read its blocks share them.
pub(super) struct Names<'a> {
    pub(super) id: ScopeId,
    /// Of a module: where its files are, relative to the project folder.
    folder: &'a str,
    pub(super) variables: BTreeMap<String, Variable<'a>>,
    locals: BTreeMap<&'a str, &'a Attribute>,
    objects: &'a [(ObjectKind, &'a Block)],
    /// What is known of the locals.
    states: BTreeMap<&'a str, State>,
}

#[derive(Clone)]
enum State {
    Running,
    /// Its value, and whether that was made of something sensitive.
    Done(Value, bool),
    Failed,
}

impl<'a> Names<'a> {
    pub(super) fn new(
        (id, folder): (ScopeId, &'a str),
        variables: BTreeMap<String, Variable<'a>>,
        top: &'a TopLevel<'a>,
        findings: &RefCell<Diagnostics>,
    ) -> Self {
        let (locals, states, objects) = (BTreeMap::new(), BTreeMap::new(), top.objects.as_slice());
        let mut names = Self { id, folder, variables, locals, objects, states };
        for attribute in top.locals.iter().flat_map(|block| &block.body.attributes) {
            let name = attribute.key.text.as_str();
            if let Some(first) = names.locals.get(name) {
                let message = format!("the local `{name}` is defined twice");
                let diagnostic = Diagnostic::error(codes::DUPLICATE, attribute.key.span, message);
                findings.borrow_mut().push(diagnostic.also(first.key.span, "the first"));
                continue;
            }
            names.locals.insert(name, attribute);
        }
        names
    }

    /// Evaluates every local, so that mistakes in unused ones are found too, and none is evaluated twice.
    pub(super) fn evaluate_locals(&mut self, shared: Shared<'_>) {
        let scope = ProjectScope::new(self, shared);
        for (name, attribute) in &self.locals {
            // What goes wrong is reported by `local` itself.
            let _ = scope.local(name, attribute.key.span);
        }
        let states = scope.states.into_inner();
        self.states = states;
    }
}

/// A scope, as one thread sees it.
pub(super) struct ProjectScope<'n, 'a> {
    names: &'n Names<'a>,
    shared: Shared<'n>,
    states: RefCell<BTreeMap<&'a str, State>>,
    /// Locals that are being evaluated, outermost first, with the place that needs the next one.
    running: RefCell<Vec<&'a str>>,
    /// Whether something sensitive was read.
    sensitive: Cell<bool>,
}

impl<'n, 'a> ProjectScope<'n, 'a> {
    pub(super) fn new(names: &'n Names<'a>, shared: Shared<'n>) -> Self {
        let states = RefCell::new(names.states.clone());
        Self { names, shared, states, running: RefCell::default(), sensitive: Cell::default() }
    }

    fn cycle(&self, name: &str) -> Diagnostic {
        let running = self.running.borrow();
        let start = running.iter().position(|running| *running == name).unwrap_or(0);
        let path: Vec<&str> = running[start..].to_vec();
        let text: Vec<String> = path.iter().chain([&name]).map(|name| format!("`local.{name}`")).collect();
        let span =
            |name: &str| self.names.locals.get(name).map_or_else(Span::default, |local| local.key.span);
        let message = format!("locals need each other in a circle: {}", text.join(" → "));
        let mut diagnostic = Diagnostic::error(codes::CYCLE, span(name), message);
        for (position, member) in path.iter().enumerate() {
            let next = path.get(position + 1).copied().unwrap_or(name);
            if position == 0 {
                diagnostic = diagnostic.label(format!("needs `local.{next}`"));
            } else {
                diagnostic = diagnostic.also(span(member), format!("needs `local.{next}`"));
            }
        }
        diagnostic
    }

    fn evaluate(&self, local: &Attribute, span: Span) -> Result<(Value, bool), Failure> {
        if self.running.borrow().len() > DEPTH_LIMIT {
            let message = format!("locals need each other more than {DEPTH_LIMIT} deep");
            return Err(Diagnostic::error(codes::LIMIT, span, message).into());
        }
        let (value, sensitive) = evaluate_any(self, &local.value);
        let value = value?;
        let (size, depth) = value.size();
        if size > SIZE_LIMIT || depth > DEPTH_LIMIT {
            let message = format!("the local `{}` holds too much", local.key.text);
            return Err(Diagnostic::error(codes::LIMIT, local.key.span, message).into());
        }
        Ok((value, sensitive))
    }

    /// The value, which is sensitive or not, is read.
    fn seen(&self, value: &Value, sensitive: bool) -> Value {
        self.sensitive.set(self.sensitive.get() || sensitive);
        value.clone()
    }
}

impl Scope for ProjectScope<'_, '_> {
    fn variable(&self, name: &str, span: Span) -> Result<Value, Failure> {
        match self.names.variables.get(name) {
            Some(variable) => {
                let value = variable.value.as_ref().ok_or(Failure::Reported)?;
                Ok(self.seen(value, variable.sensitive))
            }
            None if self.shared.unread.may_define(name) => Err(Failure::Reported),
            None => {
                let message = format!("there is no variable `{name}`");
                let known: Vec<&str> = self.names.variables.keys().map(String::as_str).collect();
                let help = help_for(name, &known, || format!("declare it: `variable \"{name}\" {{ … }}`"));
                Err(Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message).maybe_help(help).into())
            }
        }
    }

    fn local(&self, name: &str, span: Span) -> Result<Value, Failure> {
        let Some((name, local)) = self.names.locals.get_key_value(name) else {
            if self.shared.unread.may_define(name) {
                return Err(Failure::Reported);
            }
            let message = format!("there is no local `{name}`");
            let known: Vec<&str> = self.names.locals.keys().copied().collect();
            let help = help_for(name, &known, || format!("define it: `locals {{ {name} = … }}`"));
            return Err(Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message).maybe_help(help).into());
        };
        match self.states.borrow().get(name) {
            Some(State::Done(value, sensitive)) => return Ok(self.seen(value, *sensitive)),
            Some(State::Failed) => return Err(Failure::Reported),
            Some(State::Running) => {
                let cycle = self.cycle(name);
                self.shared.findings.borrow_mut().push(cycle);
                return Err(Failure::Reported);
            }
            None => {}
        }
        self.states.borrow_mut().insert(name, State::Running);
        self.running.borrow_mut().push(name);
        let result = self.evaluate(local, span);
        self.running.borrow_mut().pop();
        match result {
            Ok((value, sensitive)) => {
                let seen = self.seen(&value, sensitive);
                self.states.borrow_mut().insert(name, State::Done(value, sensitive));
                Ok(seen)
            }
            Err(failure) => {
                self.states.borrow_mut().insert(name, State::Failed);
                let mut findings = self.shared.findings.borrow_mut();
                failure.findings().into_iter().for_each(|finding| findings.push(finding));
                Err(Failure::Reported)
            }
        }
    }

    fn read_file(&self, path: &str) -> Result<String, String> {
        (self.shared.read_file)(&joined(self.names.folder, path))
    }

    fn steps(&self) -> Option<&Cell<usize>> {
        Some(self.shared.steps)
    }

    fn sensitive(&self) -> Option<&Cell<bool>> {
        Some(&self.sensitive)
    }

    fn refer(&self, reference: &Reference, module: Option<&str>) {
        self.shared.named.borrow_mut().push(NamedDefinition::Named {
            scope: self.names.id,
            module: module.map(str::to_owned),
            address: Address::new(reference.kind, &reference.name),
            span: reference.span,
        });
    }

    fn readable(&self, name: &str) -> Vec<String> {
        let object = |(kind, block): &(ObjectKind, &Block)| {
            let labels: Vec<&str> = block.labels.iter().map(|label| label.text.as_str()).collect();
            match (kind, labels.as_slice()) {
                (ObjectKind::FeatureView, [label]) | (ObjectKind::DataSource, ["request", label]) => {
                    (*label == name).then(|| format!("{kind}.{name}"))
                }
                _ => None,
            }
        };
        let objects = self.names.objects.iter().filter_map(object);
        let variable = self.names.variables.contains_key(name).then(|| format!("var.{name}"));
        let local = self.names.locals.contains_key(name).then(|| format!("local.{name}"));
        objects.chain(variable).chain(local).collect()
    }

    fn leave_unnamed(&self, block_type: &str) {
        let unnamed = match ObjectKind::ALL.into_iter().find(|kind| kind.as_str() == block_type) {
            Some(kind) => NamedDefinition::Unnamed(kind),
            None if block_type == "module" => NamedDefinition::UnnamedModule,
            None => return,
        };
        self.shared.named.borrow_mut().push(unnamed);
    }
}

fn help_for(name: &str, known: &[&str], otherwise: impl FnOnce() -> String) -> Option<String> {
    if name.contains('-') {
        return Some("`-` without spaces around it is a part of a name; write spaces to subtract".to_owned());
    }
    suggestion(name, known.iter().copied()).or_else(|| Some(otherwise()))
}
