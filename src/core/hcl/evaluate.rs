//! The evaluator of expressions. It resolves only what a value needs: a branch that is not taken is not looked at.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::tree::{Expression, ExpressionKind, For};
use super::value::{Number, Reference, Value};
use super::{access, functions, operator, template};
use crate::diagnostic::{Diagnostic, codes, suggestion};
use crate::source::Span;

/// Why there is no value.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// It was said already, where it happened.
    Reported,
    /// This is why; one finding at least.
    Findings(Vec<Diagnostic>),
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Findings(vec![diagnostic])
    }
}

/// Findings of one expression that are told at most.
const MOST_FINDINGS: usize = 20;

impl Failure {
    /// What is to be said of it yet.
    pub(crate) fn findings(self) -> Vec<Diagnostic> {
        match self {
            Self::Reported => Vec::new(),
            Self::Findings(findings) => findings,
        }
    }

    /// Both of them.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Findings(mut findings), Self::Findings(more)) => {
                // A name that is not there is told once.
                let is_name = |one: &Diagnostic| {
                    matches!(one.code, codes::UNKNOWN_REFERENCE | codes::UNKNOWN_FUNCTION | codes::EXPRESSION)
                };
                for one in more {
                    let is_told = findings.iter().any(|told| told.message == one.message);
                    if findings.len() < MOST_FINDINGS && !(is_told && is_name(&one)) {
                        findings.push(one);
                    }
                }
                Self::Findings(findings)
            }
            (Self::Reported, other) => other,
            (this, Self::Reported) => this,
        }
    }

    /// Whether going on would only meet the same limit again.
    fn is_limit(&self) -> bool {
        matches!(self, Self::Findings(findings) if findings.iter().any(|one| one.code == codes::LIMIT))
    }
}

/// All of the values, or everything that is wrong with them.
pub(super) fn all<T>(results: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut values = Vec::with_capacity(results.size_hint().0);
    let mut failure: Option<Failure> = None;
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(next) => {
                let ends = next.is_limit();
                failure = Some(match failure.take() {
                    None => next,
                    Some(before) => before.and(next),
                });
                if ends {
                    break;
                }
            }
        }
    }
    failure.map_or(Ok(values), Err)
}

/// Both values, or everything that is wrong with them.
pub(super) fn both<A, B>(one: Result<A>, other: Result<B>) -> Result<(A, B)> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
        (Err(one), Err(other)) => Err(one.and(other)),
    }
}

pub(super) type Result<T> = std::result::Result<T, Failure>;

/// What an expression can see beside itself.
pub(crate) trait Scope {
    /// The value of `var.name`, which stands at the span.
    fn variable(&self, name: &str, span: Span) -> Result<Value>;
    /// The value of `local.name`, which stands at the span.
    fn local(&self, name: &str, span: Span) -> Result<Value>;
    /// The text of a file, or why there is none.
    fn read_file(&self, path: &str) -> std::result::Result<String, String>;
    /// The value of `each.part`, which stands at the span.
    fn each(&self, _part: &str, span: Span) -> Result<Value> {
        let message = "`each` is known only in a block with `for_each`";
        Err(Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message).into())
    }
    /// Steps that were taken in this scope and those around it; all expressions of a project share one limit.
    fn steps(&self) -> Option<&Cell<usize>> {
        None
    }
    /// Raised when the value of a sensitive variable is read, or one that was made of it.
    fn sensitive(&self) -> Option<&Cell<bool>> {
        None
    }
    /// A definition is named; of this module, where it is named with one.
    fn refer(&self, _reference: &Reference, _module: Option<&str>) {}
    /// A block of this type defines something whose name is not known, because what says it is wrong.
    fn leave_unnamed(&self, _block_type: &str) {}
    /// What has this name and could be read over columns, as it is written in full.
    fn readable(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }
}

/// The scope of one round of a `for_each`.
pub(crate) struct Each<'a> {
    pub(crate) outer: &'a dyn Scope,
    pub(crate) key: Value,
    pub(crate) value: Value,
}

impl Scope for Each<'_> {
    fn variable(&self, name: &str, span: Span) -> Result<Value> {
        self.outer.variable(name, span)
    }

    fn local(&self, name: &str, span: Span) -> Result<Value> {
        self.outer.local(name, span)
    }

    fn read_file(&self, path: &str) -> std::result::Result<String, String> {
        self.outer.read_file(path)
    }

    fn each(&self, part: &str, span: Span) -> Result<Value> {
        match part {
            "key" => Ok(self.key.clone()),
            "value" => Ok(self.value.clone()),
            other => {
                let message = format!("`each` has no `{other}`");
                let help = suggestion(other, ["key", "value"])
                    .or(Some("there are `each.key` and `each.value`".to_owned()));
                Err(Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message).maybe_help(help).into())
            }
        }
    }

    fn readable(&self, name: &str) -> Vec<String> {
        self.outer.readable(name)
    }

    fn steps(&self) -> Option<&Cell<usize>> {
        self.outer.steps()
    }

    fn sensitive(&self) -> Option<&Cell<bool>> {
        self.outer.sensitive()
    }

    fn refer(&self, reference: &Reference, module: Option<&str>) {
        self.outer.refer(reference, module);
    }

    fn leave_unnamed(&self, block_type: &str) {
        self.outer.leave_unnamed(block_type);
    }
}

/// Steps that the expressions of one project may take: each evaluated expression is one, and so is each element of a value
/// that is copied, by its name, or made by a function. It is well under a second of work.
const STEP_LIMIT: usize = 5_000_000;

/// The value of an expression, and whether something sensitive was read for it.
pub(crate) fn evaluate_any(scope: &dyn Scope, expression: &Expression) -> (Result<Value>, bool) {
    let flag = scope.sensitive();
    let before = flag.is_some_and(|flag| flag.replace(false));
    let value = Evaluator::new(scope).evaluate(expression);
    let read = flag.is_some_and(|flag| flag.replace(before));
    (value, read)
}

/// The value of an expression that becomes part of a definition, which may hold nothing sensitive: every reader of the
/// registry sees it.
pub(crate) fn evaluate_public(scope: &dyn Scope, expression: &Expression) -> Result<Value> {
    // What is wrong with a value may show it.
    let shows = |failure: &Failure| {
        let of_values = [codes::WRONG_TYPE, codes::INDEX, codes::FUNCTION, codes::ARITHMETIC];
        matches!(failure, Failure::Findings(findings) if findings.iter().any(|one| of_values.contains(&one.code)))
    };
    match evaluate_any(scope, expression) {
        (value, true) if value.as_ref().err().is_none_or(shows) => {
            let message = "this comes from a sensitive variable, and definitions are no place for secrets";
            Err(Diagnostic::error(codes::SENSITIVE, expression.span, message)
                .help("plans and the registry show definitions to everyone who reads them; secrets belong in settings of feature_store.yaml, written `${NAME}`")
                .into())
        }
        (value, _) => value,
    }
}

/// Evaluates one expression after the other.
pub(crate) struct Evaluator<'a> {
    pub(super) scope: &'a dyn Scope,
    /// Names of `for`, innermost last.
    bindings: Vec<(String, Value)>,
    steps: usize,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(scope: &'a dyn Scope) -> Self {
        Self { scope, bindings: Vec::new(), steps: 0 }
    }

    /// The value of an expression.
    pub(crate) fn evaluate(&mut self, expression: &Expression) -> Result<Value> {
        let span = expression.span;
        self.spend(1, span)?;
        match &expression.kind {
            ExpressionKind::Null => Ok(Value::Null),
            ExpressionKind::Bool(value) => Ok(Value::Bool(*value)),
            ExpressionKind::Integer(value) => Ok(Value::Number(Number::Integer(*value))),
            ExpressionKind::Float(value) if value.is_finite() => Ok(Value::Number(Number::of(*value))),
            ExpressionKind::Float(_) => Err(operator::overflow(span)),
            ExpressionKind::String(text) => Ok(Value::String(text.clone())),
            ExpressionKind::List(elements) => {
                all(elements.iter().map(|element| self.evaluate(element))).map(Value::List)
            }
            ExpressionKind::Map(entries) => self.map(entries),
            ExpressionKind::Template(parts) => template::evaluate(self, parts, span),
            ExpressionKind::Variable(name) => {
                let value = access::bare_word(self, name, span)?;
                self.copied(value, span)
            }
            ExpressionKind::Traversal(root, steps) => access::traverse(self, root, steps, span),
            ExpressionKind::Conditional(branches) => {
                let [condition, then, otherwise] = &**branches;
                let taken = if self.condition(condition)? { then } else { otherwise };
                self.evaluate(taken)
            }
            ExpressionKind::Call(call) => {
                let value = functions::call(self, call, span)?;
                self.copied(value, span)
            }
            ExpressionKind::Not(operand) => operator::not(self, operand),
            ExpressionKind::Negate(operand) => operator::negate(self, operand),
            ExpressionKind::Binary(operation) => operator::binary(self, operation, span),
            ExpressionKind::For(each) => self.each(each),
        }
    }

    /// The value, which must be a truth value.
    pub(super) fn condition(&mut self, expression: &Expression) -> Result<bool> {
        let value = self.evaluate(expression)?;
        value.to_bool().ok_or_else(|| wrong_type(expression.span, "`true` or `false`", &value))
    }

    /// The value, which must be a number.
    pub(super) fn number(&mut self, expression: &Expression) -> Result<Number> {
        let value = self.evaluate(expression)?;
        as_number(&value).ok_or_else(|| wrong_type(expression.span, "a number", &value))
    }

    /// Keys and values of a collection, in its order.
    pub(super) fn elements(&mut self, collection: &Expression) -> Result<Vec<(Value, Value)>> {
        match self.evaluate(collection)? {
            Value::List(elements) => Ok(elements
                .into_iter()
                .enumerate()
                .map(|(index, element)| (integer(index), element))
                .collect()),
            Value::Set(elements) => {
                Ok(elements.into_iter().map(|element| (element.clone(), element)).collect())
            }
            Value::Map(entries) => {
                Ok(entries.into_iter().map(|(key, value)| (Value::String(key), value)).collect())
            }
            other => Err(wrong_type(collection.span, "a list, a set or a map", &other)),
        }
    }

    /// Counts steps.
    pub(super) fn spend(&mut self, steps: usize, span: Span) -> Result<()> {
        self.steps = self.steps.saturating_add(steps);
        let all = self.scope.steps().map_or(self.steps, |shared| {
            shared.set(shared.get().saturating_add(steps));
            shared.get()
        });
        if all > STEP_LIMIT {
            let message = format!("the expressions of this project take more than {STEP_LIMIT} steps");
            return Err(Diagnostic::error(codes::LIMIT, span, message).into());
        }
        Ok(())
    }

    /// A value that was copied out of where it is kept, or made by a function.
    pub(super) fn copied(&mut self, value: Value, span: Span) -> Result<Value> {
        self.spend(value.weight(), span)?;
        Ok(value)
    }

    /// Makes the names of a loop known; gives back what [`Evaluator::unbind`] needs.
    pub(super) fn bind(&mut self, key: Option<&str>, name: &str, index: Value, element: Value) -> usize {
        let depth = self.bindings.len();
        if let Some(key) = key {
            self.bindings.push((key.to_owned(), index));
        }
        self.bindings.push((name.to_owned(), element));
        depth
    }

    pub(super) fn unbind(&mut self, depth: usize) {
        self.bindings.truncate(depth);
    }

    /// The value of a name of a loop.
    pub(super) fn binding(&self, name: &str) -> Option<&Value> {
        self.bindings.iter().rev().find(|(bound, _)| bound == name).map(|(_, value)| value)
    }

    fn key(&mut self, expression: &Expression) -> Result<String> {
        let value = self.evaluate(expression)?;
        value.to_text().ok_or_else(|| wrong_type(expression.span, "a string as key", &value))
    }

    fn map(&mut self, entries: &[(Expression, Expression)]) -> Result<Value> {
        let mut map = BTreeMap::new();
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        let values = all(entries.iter().map(|(key, value)| both(self.key(key), self.evaluate(value))))?;
        for ((key, _), (name, value)) in entries.iter().zip(values) {
            if let Some(first) = places.insert(name.clone(), key.span) {
                let message = format!("the key `{name}` stands here twice");
                return Err(Diagnostic::error(codes::REPEATED, key.span, message)
                    .also(first, "the first")
                    .into());
            }
            map.insert(name, value);
        }
        Ok(Value::Map(map))
    }

    fn each(&mut self, each: &For) -> Result<Value> {
        let mut list = Vec::new();
        let mut map: BTreeMap<String, Value> = BTreeMap::new();
        for (index, element) in self.elements(&each.collection)? {
            let depth = self.bind(each.key.as_deref(), &each.value, index, element);
            let entry = self.entry(each);
            self.unbind(depth);
            match entry? {
                None => {}
                Some((None, value)) => list.push(value),
                Some((Some(key), value)) if each.group => {
                    match map.entry(key).or_insert_with(|| Value::List(Vec::new())) {
                        Value::List(group) => group.push(value),
                        other => *other = value,
                    }
                }
                Some((Some(key), value)) => {
                    if map.contains_key(&key) {
                        let span = each.result_key.as_ref().map_or(each.collection.span, |key| key.span);
                        let message = format!("two elements have the key `{key}`");
                        let help = "write `...` after the value to gather the values of one key in a list";
                        return Err(Diagnostic::error(codes::REPEATED, span, message).help(help).into());
                    }
                    map.insert(key, value);
                }
            }
        }
        Ok(if each.result_key.is_some() { Value::Map(map) } else { Value::List(list) })
    }

    /// One round of a loop: nothing when its condition is not met.
    fn entry(&mut self, each: &For) -> Result<Option<(Option<String>, Value)>> {
        if let Some(condition) = &each.condition
            && !self.condition(condition)?
        {
            return Ok(None);
        }
        let key = each.result_key.as_ref().map(|key| self.key(key)).transpose()?;
        Ok(Some((key, self.evaluate(&each.result)?)))
    }
}

/// The number of a value; a string that reads as one counts, as in Terraform.
pub(super) fn as_number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(*number),
        Value::String(text) => text.parse().map(Number::Integer).ok().or_else(|| {
            let plain = text.starts_with(|first: char| first.is_ascii_digit() || "-.".contains(first));
            text.parse().ok().filter(|float: &f64| plain && float.is_finite()).map(Number::of)
        }),
        _ => None,
    }
}

pub(super) fn integer(index: usize) -> Value {
    Value::Number(Number::Integer(i64::try_from(index).unwrap_or(i64::MAX)))
}

pub(super) fn wrong_type(span: Span, wanted: &str, found: &Value) -> Failure {
    let message = format!("expected {wanted}, found {}", found.kind());
    Diagnostic::error(codes::WRONG_TYPE, span, message).into()
}
