//! An expression with its names resolved: columns of sources, and what variables, locals and loops came to.

use std::cell::RefCell;

use super::ColumnName;
use crate::diagnostic::{Diagnostic, codes, nearest, suggestion};
use crate::hcl::{
    BinaryOperator, Expression, ExpressionKind, Failure, Number, Part, Reference, Scope, Step, Value,
    constant, evaluate_public, parse_expression,
};
use crate::model::{ObjectKind, member};
use crate::source::{SourceId, Span};

/// The sources of the view.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) names: &'a [&'a str],
    /// Of each, where they are known.
    pub(crate) kinds: &'a [ObjectKind],
    /// Whether all are known; else an unknown one is no mistake of the expression.
    pub(crate) is_complete: bool,
}

/// A resolved expression.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(super) span: Span,
    pub(super) kind: TreeKind,
}

#[derive(Clone, Debug)]
pub(super) enum TreeKind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Column(ColumnName),
    Not(Box<Tree>),
    Negate(Box<Tree>),
    Binary(BinaryOperator, Box<[Tree; 2]>),
    Conditional(Box<[Tree; 3]>),
    Call {
        name: String,
        name_span: Span,
        arguments: Vec<Tree>,
    },
    /// An element of a list, counted from 0.
    Index(Box<[Tree; 2]>),
    List(Vec<Tree>),
    /// Texts and what stands between them, joined.
    Template(Vec<Tree>),
    /// What could not be resolved, which is said.
    Unresolved,
}

impl Tree {
    /// Resolves an expression as it is written, and says what cannot be. `scope` knows variables, locals and loops.
    pub(crate) fn of(
        expression: &Expression,
        scope: &dyn Scope,
        sources: &Sources<'_>,
    ) -> (Self, Option<Failure>) {
        let resolver = Resolver { scope, sources: *sources, failure: RefCell::default() };
        let tree = resolver.tree(expression);
        (tree, resolver.failure.into_inner())
    }

    /// Resolves the canonical text of an expression.
    pub(crate) fn of_text(text: &str, names: &[&str]) -> Result<Self, Box<Diagnostic>> {
        struct Nothing;
        impl Scope for Nothing {
            fn variable(&self, _: &str, span: Span) -> Result<Value, Failure> {
                Err(Diagnostic::error(codes::UNKNOWN_REFERENCE, span, "a stored expression has no variables")
                    .into())
            }
            fn local(&self, name: &str, span: Span) -> Result<Value, Failure> {
                self.variable(name, span)
            }
            fn read_file(&self, _: &str) -> Result<String, String> {
                Err("a stored expression reads no files".to_owned())
            }
        }
        let expression = parse_expression(SourceId::default(), text)?;
        let (tree, failure) =
            Self::of(&expression, &Nothing, &Sources { names, kinds: &[], is_complete: true });
        let Some(failure) = failure else { return Ok(tree) };
        let first = failure.findings().into_iter().next();
        let unknown = || Diagnostic::unplaced(codes::EXPRESSION, "the expression cannot be read");
        Err(Box::new(first.unwrap_or_else(unknown)))
    }

    /// The text that it is, and nothing else.
    pub(crate) fn as_text(&self) -> Option<(&str, Span)> {
        match &self.kind {
            TreeKind::Text(text) => Some((text, self.span)),
            _ => None,
        }
    }

    /// The columns it reads, each once, in order of their first use.
    pub(crate) fn columns(&self) -> Vec<ColumnName> {
        let mut columns = Vec::new();
        self.visit(&mut |tree| {
            if let TreeKind::Column(column) = &tree.kind
                && !columns.contains(column)
            {
                columns.push(column.clone());
            }
        });
        columns
    }

    /// Calls `see` for this and everything in it.
    pub(super) fn visit(&self, see: &mut dyn FnMut(&Self)) {
        see(self);
        match &self.kind {
            TreeKind::Null
            | TreeKind::Bool(_)
            | TreeKind::Number(_)
            | TreeKind::Text(_)
            | TreeKind::Column(_)
            | TreeKind::Unresolved => {}
            TreeKind::Not(inner) | TreeKind::Negate(inner) => inner.visit(see),
            TreeKind::Binary(_, sides) | TreeKind::Index(sides) => {
                sides.iter().for_each(|side| side.visit(see))
            }
            TreeKind::Conditional(parts) => parts.iter().for_each(|part| part.visit(see)),
            TreeKind::Call { arguments: parts, .. } | TreeKind::List(parts) | TreeKind::Template(parts) => {
                parts.iter().for_each(|part| part.visit(see));
            }
        }
    }
}

/// The canonical text with columns changed. Every name that could be a source counts as one.
pub(super) fn renamed(text: &str, change: &mut dyn FnMut(&mut ColumnName)) -> String {
    fn walk(tree: &mut Tree, change: &mut dyn FnMut(&mut ColumnName)) {
        match &mut tree.kind {
            TreeKind::Null
            | TreeKind::Bool(_)
            | TreeKind::Number(_)
            | TreeKind::Text(_)
            | TreeKind::Unresolved => {}
            TreeKind::Column(column) => change(column),
            TreeKind::Not(inner) | TreeKind::Negate(inner) => walk(inner, change),
            TreeKind::Binary(_, sides) | TreeKind::Index(sides) => {
                sides.iter_mut().for_each(|side| walk(side, change));
            }
            TreeKind::Conditional(parts) => parts.iter_mut().for_each(|part| walk(part, change)),
            TreeKind::Call { arguments: parts, .. } | TreeKind::List(parts) | TreeKind::Template(parts) => {
                parts.iter_mut().for_each(|part| walk(part, change));
            }
        }
    }
    let sources = roots(text);
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    match Tree::of_text(text, &sources) {
        Ok(mut tree) => {
            walk(&mut tree, change);
            tree.to_text()
        }
        Err(_) => text.to_owned(),
    }
}

/// The words of a text, any of which may be the name of a source.
fn roots(text: &str) -> Vec<String> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    text.split(|character| !is_word(character)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Help for a name with a dash in it.
const DASH: &str = "`-` without spaces around it is a part of a name; write spaces to subtract";

/// What a row, or a table of rows, is mostly called in Python.
const ROWS: [&str; 11] =
    ["df", "row", "rows", "data", "inputs", "features", "features_df", "self", "x", "table", "record"];

/// What `var.x` and the like stand for.
enum Held {
    Value(Tree),
    /// A source, and how many steps name it.
    Source(String, usize),
}

struct Resolver<'a> {
    scope: &'a dyn Scope,
    sources: Sources<'a>,
    /// What is wrong so far.
    failure: RefCell<Option<Failure>>,
}

type Result<T, E = Failure> = std::result::Result<T, E>;

fn fail<T>(span: Span, message: impl Into<String>, help: impl Into<Option<String>>) -> Result<T> {
    Err(Diagnostic::error(codes::EXPRESSION, span, message).maybe_help(help.into()).into())
}

impl Resolver<'_> {
    fn tree(&self, expression: &Expression) -> Tree {
        self.read(expression).unwrap_or_else(|failure| {
            let mut all = self.failure.borrow_mut();
            *all = Some(match all.take() {
                None => failure,
                Some(before) => before.and(failure),
            });
            Tree { span: expression.span, kind: TreeKind::Unresolved }
        })
    }

    fn read(&self, expression: &Expression) -> Result<Tree> {
        let span = expression.span;
        let kind = match &expression.kind {
            ExpressionKind::Null => TreeKind::Null,
            ExpressionKind::Bool(value) => TreeKind::Bool(*value),
            ExpressionKind::Integer(value) => TreeKind::Number(Number::Integer(*value)),
            ExpressionKind::Float(value) if value.is_finite() => TreeKind::Number(Number::of(*value)),
            ExpressionKind::Float(_) => return fail(span, "this number is too large", None),
            ExpressionKind::String(text) => TreeKind::Text(text.clone()),
            ExpressionKind::List(elements) => TreeKind::List(self.all(elements)),
            ExpressionKind::Template(parts) => TreeKind::Template(self.template(parts, span)?),
            ExpressionKind::Variable(name) => return self.bare_word(name, span),
            ExpressionKind::Traversal(root, steps) => return self.traversal(expression, root, steps),
            ExpressionKind::Conditional(parts) => {
                let [condition, then, otherwise] = &**parts;
                let parts = [self.tree(condition), self.tree(then), self.tree(otherwise)];
                TreeKind::Conditional(Box::new(parts))
            }
            ExpressionKind::Call(call) => {
                if call.expand {
                    return fail(span, "`...` cannot be used over columns", None);
                }
                TreeKind::Call {
                    name: call.name.text.to_string(),
                    name_span: call.name.span,
                    arguments: self.all(&call.arguments),
                }
            }
            ExpressionKind::Not(operand) => TreeKind::Not(Box::new(self.tree(operand))),
            ExpressionKind::Negate(operand) => match self.tree(operand) {
                // A negative number is a number, so that it is written the same however it came to be.
                Tree { kind: TreeKind::Number(Number::Integer(value)), .. } if value != i64::MIN => {
                    TreeKind::Number(Number::Integer(-value))
                }
                Tree { kind: TreeKind::Number(Number::Float(value)), .. } => {
                    TreeKind::Number(Number::Float(-value))
                }
                operand => TreeKind::Negate(Box::new(operand)),
            },
            ExpressionKind::Binary(operation) => {
                let sides = [self.tree(&operation.left), self.tree(&operation.right)];
                TreeKind::Binary(operation.operator, Box::new(sides))
            }
            ExpressionKind::Map(_) => return fail(span, "a map is no value of a feature", None),
            ExpressionKind::For(_) => {
                let help = "the rows are the loop: write the expression for one of them".to_owned();
                return fail(span, "`for` cannot be used over columns", help);
            }
        };
        Ok(Tree { span, kind })
    }

    fn all(&self, expressions: &[Expression]) -> Vec<Tree> {
        expressions.iter().map(|expression| self.tree(expression)).collect()
    }

    fn template(&self, parts: &[Part], span: Span) -> Result<Vec<Tree>> {
        parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Ok(Tree { span, kind: TreeKind::Text(text.clone()) }),
                Part::Interpolation(expression) => Ok(self.tree(expression)),
                Part::If(..) | Part::For { .. } => {
                    let help = "write a conditional: `condition ? \"a\" : \"b\"`".to_owned();
                    fail(span, "a template over columns takes `${…}` only", help)
                }
            })
            .collect()
    }

    fn bare_word(&self, name: &str, span: Span) -> Result<Tree> {
        if !self.is_source(name) && !self.sources.is_complete {
            return Err(Failure::Reported);
        }
        let message = if self.is_source(name) {
            format!("`{name}` is a source; its columns are named `{name}.COLUMN`")
        } else {
            format!("there is nothing named `{name}`")
        };
        let help = match constant(name) {
            Some(constant) => format!("write `{constant}`"),
            None if name.contains('-') => DASH.to_owned(),
            None => format!("a column is named with its source, as in `{}.{name}`", self.any_source()),
        };
        fail(span, message, (!self.is_source(name)).then_some(help))
    }

    fn is_source(&self, name: &str) -> bool {
        self.sources.names.contains(&name)
    }

    /// A source, for examples.
    fn any_source(&self) -> &str {
        self.sources.names.first().copied().unwrap_or("SOURCE")
    }

    fn traversal(&self, whole: &Expression, root: &Expression, steps: &[Step]) -> Result<Tree> {
        let ExpressionKind::Variable(name) = &root.kind else {
            let tree = self.tree(root);
            return self.indexes(tree, steps, whole.span);
        };
        let (source, rest, at) = match name.as_str() {
            "var" | "local" | "each" => match self.value(root, steps, whole)? {
                Held::Value(tree) => return Ok(tree),
                Held::Source(source, taken) => (source, &steps[taken..], taken),
            },
            root => self.source(root, steps, whole.span)?,
        };
        let end = at.checked_sub(1).and_then(|last| steps.get(last)).map_or(root.span, Step::span);
        let place = root.span.to(end);
        if !self.is_source(&source) {
            return Err(self.unknown_source(&source, place, at > 0, rest));
        }
        let [column, rest @ ..] = rest else { return self.bare_word(&source, whole.span) };
        let name = self.name(column)?;
        let column =
            Tree { span: root.span.to(column.span()), kind: TreeKind::Column(ColumnName { source, name }) };
        self.indexes(column, rest, whole.span)
    }

    /// What a variable, local or loop holds: a value, or a source, of which a column may follow.
    fn value(&self, root: &Expression, steps: &[Step], whole: &Expression) -> Result<Held> {
        let reference = |value: &Value| match value {
            Value::Reference(one) if matches!(one.kind, ObjectKind::FeatureView | ObjectKind::DataSource) => {
                Some((one.name.clone(), one.feature.is_some()))
            }
            _ => None,
        };
        let whole_value = evaluate_public(self.scope, whole);
        if let Ok(value) = &whole_value {
            return match reference(value) {
                Some((source, has_feature)) => {
                    Ok(Held::Source(source, steps.len().saturating_sub(usize::from(has_feature))))
                }
                None => literal(value.clone(), whole.span).map(Held::Value),
            };
        }
        // The field of a request is no part of a value, and neither is the element of a feature.
        for taken in 1..steps.len().min(3) {
            let kind = ExpressionKind::Traversal(Box::new(root.clone()), steps[..taken].to_vec());
            let value = evaluate_public(self.scope, &Expression { span: whole.span, kind });
            if let Some((source, false)) = value.ok().as_ref().and_then(reference) {
                return Ok(Held::Source(source, taken));
            }
        }
        whole_value.and_then(|value| literal(value, whole.span)).map(Held::Value)
    }

    /// The name of the source that an expression begins with, in its short or in its long form, what follows, and how many
    /// steps it takes.
    fn source<'s>(&self, root: &str, steps: &'s [Step], span: Span) -> Result<(String, &'s [Step], usize)> {
        let long = matches!(root, "feature_view" | "data_source");
        if self.is_source(root) && !(long && steps.len() > 1) {
            return Ok((root.to_owned(), steps, 0));
        }
        match (root, steps) {
            ("feature_view" | "data_source", [name, rest @ ..]) => {
                let source = self.name(name)?;
                self.is_of_kind(&source, root, name.span())?;
                Ok((source, rest, 1))
            }
            ("module", [module, kind, name, rest @ ..]) => {
                let (module, word, source) = (self.name(module)?, self.name(kind)?, self.name(name)?);
                let kinds = [ObjectKind::FeatureView, ObjectKind::DataSource];
                let Some(found) = kinds.into_iter().find(|kind| kind.as_str() == word) else {
                    let help = format!("write `module.{module}.feature_view.VIEW.FEATURE`");
                    return fail(kind.span(), format!("an expression reads no `{word}`"), help);
                };
                if self.is_source(&source) {
                    self.is_of_kind(&source, &word, name.span())?;
                    let span = span.to(name.span());
                    let reference = Reference { kind: found, name: source.clone(), feature: None, span };
                    self.scope.refer(&reference, Some(&module));
                }
                Ok((source, rest, 3))
            }
            ("on_demand_feature_view", _) => {
                let help = "write its expression out here, over its own sources".to_owned();
                fail(span, "an on-demand view reads no other on-demand view", help)
            }
            ("entity", _) => {
                let help = "a key that an expression needs comes as a field of a request source".to_owned();
                fail(span, "an entity has no columns", help)
            }
            ("module", _) => {
                let help = "write `module.MODULE.feature_view.VIEW.FEATURE`".to_owned();
                fail(span, "a module is no value", help)
            }
            _ => Ok((root.to_owned(), steps, 0)),
        }
    }

    /// Whether a source is of the kind that its long form says.
    fn is_of_kind(&self, source: &str, kind: &str, span: Span) -> Result<()> {
        let position = self.sources.names.iter().position(|name| *name == source);
        match position.and_then(|at| self.sources.kinds.get(at)) {
            Some(found) if found.as_str() != kind => {
                let message = format!("the source `{source}` is no `{kind}`");
                fail(span, message, format!("write `{found}.{source}`, or `{source}` alone"))
            }
            _ => Ok(()),
        }
    }

    fn unknown_source(&self, source: &str, place: Span, is_long: bool, rest: &[Step]) -> Failure {
        if !self.sources.is_complete {
            return Failure::Reported;
        }
        let message = format!("`{source}` is no source of this view");
        let near = nearest(source, self.sources.names.iter().copied());
        let column = match rest.first() {
            Some(Step::Attribute(name)) => name.text.as_str(),
            Some(Step::Index(Expression { kind: ExpressionKind::String(name), .. })) => name,
            _ => "COLUMN",
        };
        let help = if source.contains('-') {
            DASH.to_owned()
        } else if let Some(near) = near.first() {
            format!("did you mean `{near}`?")
        } else if is_long {
            "add it to `sources`".to_owned()
        } else if ROWS.contains(&source) {
            format!("a column is named with its source, as in `{}{}`", self.any_source(), member(column))
        } else {
            self.elsewhere(source)
        };
        Diagnostic::error(codes::EXPRESSION, place, message).help(help).into()
    }

    /// What to do about a name that is no source: it may be one of something else.
    fn elsewhere(&self, name: &str) -> String {
        let (values, sources): (Vec<String>, Vec<String>) = self
            .scope
            .readable(name)
            .into_iter()
            .partition(|form| form.starts_with("var.") || form.starts_with("local."));
        let add = sources.first().map(|form| format!("add `{form}` to `sources`"));
        let write = values.first().map(|form| format!("write `{form}` for the value"));
        match (add, write) {
            (Some(add), Some(write)) => format!("{add}, or {write}"),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => suggestion(name, self.sources.names.iter().copied()).unwrap_or_else(|| {
                "name the feature view or request source that it reads in `sources`".to_owned()
            }),
        }
    }

    fn indexes(&self, tree: Tree, steps: &[Step], span: Span) -> Result<Tree> {
        steps.iter().try_fold(tree, |tree, step| match step {
            Step::Index(index) => {
                let index = self.tree(index);
                Ok(Tree { span, kind: TreeKind::Index(Box::new([tree, index])) })
            }
            other => {
                let dashed = matches!(&tree.kind, TreeKind::Column(column) if column.name.contains('-'));
                let message = "a column has no parts but the elements of a list";
                fail(other.span(), message, dashed.then(|| DASH.to_owned()))
            }
        })
    }

    /// The name that `.name` or `["name"]` says.
    fn name(&self, step: &Step) -> Result<String> {
        match step {
            Step::Attribute(name) => Ok(name.text.to_string()),
            Step::Index(index) => match self.tree(index).kind {
                TreeKind::Text(text) => Ok(text),
                TreeKind::Unresolved => Err(Failure::Reported),
                _ => fail(index.span, "the name of a column must be a text", None),
            },
            Step::AttributeSplat(span) | Step::FullSplat(span) => {
                fail(*span, "a splat cannot be used over columns", "name each column".to_owned())
            }
        }
    }
}

/// What a variable came to, as a part of an expression.
fn literal(value: Value, span: Span) -> Result<Tree> {
    let kind = match value {
        Value::Null => TreeKind::Null,
        Value::Bool(value) => TreeKind::Bool(value),
        Value::Number(number) => TreeKind::Number(number),
        Value::String(text) => TreeKind::Text(text),
        Value::List(elements) => {
            TreeKind::List(elements.into_iter().map(|element| literal(element, span)).collect::<Result<_>>()?)
        }
        other => return fail(span, format!("{} is no value of a feature", other.kind()), None),
    };
    Ok(Tree { span, kind })
}

/// What to say of a column that is not there.
pub(super) fn unknown_column<'a>(
    column: &ColumnName,
    span: Span,
    known: impl Iterator<Item = &'a str>,
) -> Box<Diagnostic> {
    let message = format!("`{}` has no column `{}`", column.source, column.name);
    let known: Vec<&str> = known.collect();
    if column.name.contains('-') {
        return Box::new(Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message).help(DASH));
    }
    let help = suggestion(&column.name, known);
    Box::new(Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message).maybe_help(help))
}
