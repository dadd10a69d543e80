//! The `variable` block: where its value comes from, and whether it is a good one.
//!
//! A value given from outside wins over `variables` in feature_store.yaml, and that over `default`.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::environment::Setting;
use super::load::LoadInput;
use super::module::RESERVED;
use super::scope::Constants;
use super::type_constraint::TypeConstraint;
use crate::diagnostic::{Diagnostic, Label, Severity, codes, nearest, suggestion};
use crate::hcl::{Block, BlockReader, Context, Evaluator, Failure, Schema, Scope, Value, parse_expression};
use crate::source::{SourceId, Span};

pub(super) const SCHEMA: Schema = Schema {
    labels: &["name"],
    attributes: &["type", "default", "description", "sensitive", "nullable"],
    single: &[],
    blocks: &["validation"],
};

pub(super) const VALIDATION: Schema =
    Schema { labels: &[], attributes: &["condition", "error_message"], single: &[], blocks: &[] };

/// A variable with its value; none when that went wrong.
#[derive(Clone)]
pub(super) struct Variable<'a> {
    pub(super) block: &'a Block,
    pub(super) value: Option<Value>,
    /// Whether its value must not be shown.
    pub(super) sensitive: bool,
    /// Where the value stands; none for a default and for what comes from outside of the project's files.
    given: Option<Span>,
}

/// Where the values of a scope's variables come from.
pub(super) enum Given<'a> {
    /// From outside the project.
    Project(&'a LoadInput<'a>),
    /// From a `module` block.
    Module(&'a Call),
}

impl Given<'_> {
    fn place(&self, name: &str) -> Option<Span> {
        match self {
            Self::Project(input) => setting(input, name).map(|setting| setting.span),
            Self::Module(call) => call.arguments.get(name).map(|argument| argument.span),
        }
    }
}

/// What feature_store.yaml says, where nothing stronger does.
fn setting<'a>(input: &LoadInput<'a>, name: &str) -> Option<&'a Setting> {
    input.environment.variables.get(name).filter(|_| !input.variables.contains_key(name))
}

/// A `module` block, as the scope that it makes sees it.
pub(super) struct Call {
    pub(super) name: String,
    pub(super) header: Span,
    pub(super) arguments: BTreeMap<String, Argument>,
}

/// One attribute of a `module` block that sets a variable.
pub(super) struct Argument {
    /// None when it is wrong, which has been said.
    pub(super) value: Option<Value>,
    /// Whether it was made of something sensitive.
    pub(super) sensitive: bool,
    pub(super) key: Span,
    pub(super) span: Span,
}

/// Reads every `variable` block.
pub(super) fn read_all<'a>(
    context: &Context<'_>,
    blocks: &[&'a Block],
    given: &Given<'_>,
) -> BTreeMap<String, Variable<'a>> {
    let mut variables: BTreeMap<String, Variable<'a>> = BTreeMap::new();
    for block in blocks {
        let reader = BlockReader::new(context, block, &SCHEMA);
        let Some(label) = reader.label(0) else { continue };
        if let Some(first) = variables.get(label.text.as_str()) {
            let message = format!("the variable `{}` is declared twice", label.text);
            let diagnostic = Diagnostic::error(codes::DUPLICATE, label.span, message);
            context.report(diagnostic.also(first.block.header(), "the first"));
            continue;
        }
        if matches!(given, Given::Module(_)) && RESERVED.contains(&label.text.as_str()) {
            let message = format!("a variable of a module cannot be named `{}`", label.text);
            let help = format!(
                "`{}` in a `module` block means something else; give the variable another name",
                label.text
            );
            context.report(Diagnostic::error(codes::NAME, label.span, message).help(help));
            continue;
        }
        let from_secret = match given {
            Given::Module(call) => {
                call.arguments.get(label.text.as_str()).is_some_and(|given| given.sensitive)
            }
            Given::Project(_) => false,
        };
        let sensitive =
            reader.optional::<bool>("sensitive").is_some_and(|sensitive| sensitive.value) || from_secret;
        let value = value(&reader, &label.text, sensitive, given);
        let given = given.place(&label.text);
        variables.insert(label.text.to_string(), Variable { block, value, sensitive, given });
    }
    match given {
        Given::Project(input) => undeclared_from_outside(context, &variables, input),
        Given::Module(call) => check_arguments(context, &variables, call),
    }
    variables
}

fn undeclared_from_outside(
    context: &Context<'_>,
    variables: &BTreeMap<String, Variable<'_>>,
    input: &LoadInput<'_>,
) {
    let settings = input.environment.variables.iter().map(|(name, setting)| (name, Some(setting.key)));
    for (name, place) in input.variables.keys().map(|name| (name, None)).chain(settings) {
        if !variables.contains_key(name) {
            let message = format!("there is a value for the variable `{name}`, but no block declares it");
            let mut diagnostic = Diagnostic::unplaced(codes::VARIABLE, message);
            diagnostic.severity = Severity::Warning;
            diagnostic.primary = place.map(|span| Label { span, text: String::new() });
            let known: Vec<&str> = variables.keys().map(String::as_str).collect();
            context.report(diagnostic.maybe_help(suggestion(name, known)));
        }
    }
}

/// Whether the arguments of a module are those of its variables. A name that is misspelt is one mistake.
fn check_arguments(context: &Context<'_>, variables: &BTreeMap<String, Variable<'_>>, call: &Call) {
    let mut missing: Vec<&str> = variables
        .iter()
        .filter(|(name, variable)| {
            let has_default = variable.block.body.attributes.iter().any(|one| one.key.text == "default");
            !has_default && !call.arguments.contains_key(*name)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    for (name, argument) in call.arguments.iter().filter(|(name, _)| !variables.contains_key(*name)) {
        let message = format!("the module `{}` has no variable `{name}`", call.name);
        let known: Vec<&str> = variables.keys().map(String::as_str).chain(RESERVED).collect();
        if let Some(meant) = nearest(name, known.iter().copied()).first() {
            missing.retain(|name| name != meant);
        }
        let help = suggestion(name, known)
            .or_else(|| Some(format!("declare it in the module: `variable \"{name}\" {{ … }}`")));
        context.report(Diagnostic::error(codes::UNKNOWN_ATTRIBUTE, argument.key, message).maybe_help(help));
    }
    for name in missing {
        let message = format!("the module `{}` needs a value for `{name}`", call.name);
        let mut diagnostic = Diagnostic::error(codes::VARIABLE, call.header, message);
        if let Some(variable) = variables.get(name) {
            diagnostic = diagnostic.also(variable.block.header(), "the variable");
        }
        context.report(diagnostic.help(format!("add `{name} = …`")));
    }
}

fn value(reader: &BlockReader<'_>, name: &str, sensitive: bool, given: &Given<'_>) -> Option<Value> {
    let constraint = match reader.attribute("type").map(|attribute| TypeConstraint::parse(&attribute.value)) {
        None => None,
        Some(Ok(constraint)) => Some(constraint),
        Some(Err(diagnostic)) => {
            reader.context.report(*diagnostic);
            return None;
        }
    };
    reader.optional::<String>("description");
    reader.optional::<bool>("nullable");
    let default = default(reader, constraint.as_ref());
    match given {
        Given::Project(input) => from_outside(reader, name, (constraint, sensitive), default, input),
        Given::Module(call) => from_call(reader, name, (constraint, sensitive), default, call),
    }
}

fn from_outside(
    reader: &BlockReader<'_>,
    name: &str,
    (constraint, sensitive): (Option<TypeConstraint>, bool),
    default: Option<Option<Value>>,
    input: &LoadInput<'_>,
) -> Option<Value> {
    let declared = reader.block.header();
    let setting = setting(input, name);
    let given = if let Some(text) = input.variables.get(name) {
        let by_default = matches!(
            &default,
            Some(Some(Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Set(_) | Value::Map(_)))
        );
        let literal = constraint.as_ref().map_or(!by_default, TypeConstraint::takes_text);
        from_text(text, literal).map_err(|reason| {
            let reason = if sensitive { "its text is not shown" } else { &reason };
            Box::new(given_error(name, declared, reason))
        })
    } else if let Some(setting) = setting {
        Ok(Value::from_json(&setting.value))
    } else {
        match default {
            Some(default) => return default,
            None => {
                let message = format!("the variable `{name}` has no value");
                let help = format!(
                    "give one with `--var {name}=…`, under `variables` in feature_store.yaml, or as `default`"
                );
                Err(Box::new(Diagnostic::error(codes::VARIABLE, declared, message).help(help)))
            }
        }
    };
    let converted = given.and_then(|value| {
        let shown = if sensitive { "another value".to_owned() } else { value.kind() };
        let constraint = constraint.unwrap_or(TypeConstraint::Any);
        constraint.convert(value).map_err(|wanted| {
            let message =
                format!("the value given for the variable `{name}` must be {wanted}, found {shown}");
            Box::new(match setting {
                Some(setting) => {
                    Diagnostic::error(codes::WRONG_TYPE, setting.span, message).also(declared, "the variable")
                }
                None => Diagnostic::error(codes::WRONG_TYPE, declared, message),
            })
        })
    });
    converted.map_err(|diagnostic| reader.context.report(*diagnostic)).ok()
}

fn from_call(
    reader: &BlockReader<'_>,
    name: &str,
    (constraint, sensitive): (Option<TypeConstraint>, bool),
    default: Option<Option<Value>>,
    call: &Call,
) -> Option<Value> {
    let declared = reader.block.header();
    let Some(argument) = call.arguments.get(name) else {
        return default?;
    };
    let value = argument.value.clone()?;
    let shown = if sensitive { "another value".to_owned() } else { value.kind() };
    let converted = constraint.unwrap_or(TypeConstraint::Any).convert(value);
    converted
        .map_err(|wanted| {
            let message = format!("`{name}` of the module `{}`: expected {wanted}, found {shown}", call.name);
            let diagnostic = Diagnostic::error(codes::WRONG_TYPE, argument.span, message);
            reader.context.report(diagnostic.also(declared, "the variable"));
        })
        .ok()
}

/// The default: none when there is no such attribute; none inside when it is wrong.
fn default(reader: &BlockReader<'_>, constraint: Option<&TypeConstraint>) -> Option<Option<Value>> {
    let attribute = reader.attribute("default")?;
    let scope = Constants { what: "the default of a variable" };
    let value = match Evaluator::new(&scope).evaluate(&attribute.value) {
        Ok(Value::Reference(_)) => {
            let message = "a default names no definition: there may be none of that name in another folder";
            let diagnostic = Diagnostic::error(codes::WRONG_TYPE, attribute.value.span, message);
            reader
                .context
                .report(diagnostic.help("give the reference in the `module` block that uses this one"));
            return Some(None);
        }
        Ok(value) => value,
        Err(failure) => {
            reader.context.fail(failure);
            return Some(None);
        }
    };
    let found = value.kind();
    match constraint.map_or(Ok(value.clone()), |constraint| constraint.convert(value)) {
        Ok(value) => Some(Some(value)),
        Err(wanted) => {
            let message = format!("`default`: expected {wanted}, found {found}");
            reader.context.report(Diagnostic::error(codes::WRONG_TYPE, attribute.value.span, message));
            Some(None)
        }
    }
}

/// A value from `--var` and the like: text itself, or an expression without references.
fn from_text(text: &str, literal: bool) -> Result<Value, String> {
    let quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    if literal && !quoted {
        return Ok(Value::String(text.to_owned()));
    }
    let scope = Constants { what: "a value given from outside" };
    let value = parse_expression(SourceId::default(), text.trim())
        .map_err(|diagnostic| Failure::from(*diagnostic))
        .and_then(|expression| Evaluator::new(&scope).evaluate(&expression));
    value.map_err(|failure| {
        let first = failure.findings().into_iter().next();
        first.map_or_else(|| "it cannot be read".to_owned(), |finding| finding.message)
    })
}

fn given_error(name: &str, span: Span, reason: &str) -> Diagnostic {
    let message = format!("the value given for the variable `{name}` is no HCL expression: {reason}");
    Diagnostic::error(codes::VARIABLE, span, message)
}

/// Checks every `validation` block; the context must know the variables.
pub(super) fn validate(context: &Context<'_>, variables: &BTreeMap<String, Variable<'_>>) {
    let scope = Unkept(context.scope);
    let context = &Context { scope: &scope, findings: context.findings };
    for variable in variables.values().filter(|variable| variable.value.is_some()) {
        for block in variable.block.body.blocks.iter().filter(|block| block.kind.text == "validation") {
            let reader = BlockReader::new(context, block, &VALIDATION);
            let condition = reader.required::<bool>("condition", "…");
            let message = reader.required::<String>("error_message", "\"…\"");
            if let (Some(condition), Some(message)) = (condition, message)
                && !condition.value
            {
                let name = variable.block.labels.first().map_or("", |label| &label.text);
                let text = format!("the value of the variable `{name}` is refused: {}", message.value);
                let mut diagnostic = Diagnostic::error(codes::VALIDATION, condition.span, text);
                diagnostic
                    .secondary
                    .extend(variable.given.map(|span| Label { span, text: "the value".to_owned() }));
                context.report(diagnostic);
            }
        }
    }
}

/// The scope of a `validation`: nothing of what it comes to is kept, so it may look at what is sensitive.
struct Unkept<'a>(&'a dyn Scope);

impl Scope for Unkept<'_> {
    fn variable(&self, name: &str, span: Span) -> Result<Value, Failure> {
        self.0.variable(name, span)
    }

    fn local(&self, name: &str, span: Span) -> Result<Value, Failure> {
        self.0.local(name, span)
    }

    fn read_file(&self, path: &str) -> Result<String, String> {
        self.0.read_file(path)
    }

    fn steps(&self) -> Option<&Cell<usize>> {
        self.0.steps()
    }
}
