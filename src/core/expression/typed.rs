//! Types of expressions, and the columns they read.

use std::collections::BTreeMap;

use super::ColumnName;
use super::datum::{Datum, Kind};
use super::evaluate;
use super::function::{self, Domain, Form, Kernel, Takes};
use super::mistake::{misfits, no_value, outside_of_domains, unknown_function};
use super::tree::{Tree, TreeKind, unknown_column};
use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::{BinaryOperator, Number};
use crate::model::ValueType;
use crate::source::Span;

/// The columns of a view's sources.
pub(crate) struct Inputs<'a> {
    pub(super) columns: &'a BTreeMap<String, BTreeMap<String, ValueType>>,
}

impl<'a> Inputs<'a> {
    pub(crate) const fn new(columns: &'a BTreeMap<String, BTreeMap<String, ValueType>>) -> Self {
        Self { columns }
    }
}

/// An expression with its type.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) kind: Kind,
    pub(super) node: Node,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    /// The same value for every row; none is null.
    Constant(Option<Datum>),
    Column(usize),
    /// A whole number as a float.
    Widen(Box<Typed>),
    Not(Box<Typed>),
    Negate(Box<Typed>),
    /// Arithmetic: both sides are of the kind of the result.
    Arithmetic(BinaryOperator, Box<[Typed; 2]>),
    /// Comparison: both sides are of one kind.
    Compare(BinaryOperator, Box<[Typed; 2]>),
    /// `&&` and `||`.
    Logic(BinaryOperator, Box<[Typed; 2]>),
    Conditional(Box<[Typed; 3]>),
    Coalesce(Vec<Typed>),
    IsNull(Box<Typed>),
    Call(Kernel, &'static [Domain], Vec<Typed>),
    Index(Box<[Typed; 2]>),
    /// Texts, joined.
    Join(Vec<Typed>),
}

/// Constant texts that are longer, in bytes, are not worked out before there are rows.
const TEXT_LIMIT: usize = 1_000;

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

fn wrong(span: Span, message: impl Into<String>) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(codes::EXPRESSION, span, message))
}

/// A tree with types.
pub(super) struct Compiled {
    pub(super) root: Typed,
    pub(super) columns: Vec<ColumnName>,
    /// What never has a value: no reason not to evaluate it, and one not to apply it.
    pub(super) hopeless: Vec<Diagnostic>,
}

/// Types a tree whose value must fit a declared type.
pub(super) fn compile(tree: &Tree, value_type: &ValueType, inputs: &Inputs<'_>) -> Result<Compiled> {
    let mut typing = Typing { inputs, columns: Vec::new(), hopeless: Vec::new() };
    let typed = typing.of(tree)?;
    let wanted = Kind::of(value_type);
    let found = typed.kind.name();
    match unified(typed, &wanted) {
        Some(root) => {
            let Typing { columns, mut hopeless, .. } = typing;
            misfits(tree, &root, value_type, &mut hopeless);
            Ok(Compiled { root, columns, hopeless })
        }
        None => {
            let message = format!("the expression gives {found}, and the feature is of type {value_type}");
            let help = match (&wanted, found.as_str()) {
                _ if matches!(tree.kind, TreeKind::Text(_)) => "an expression is written without quotes",
                (Kind::Integer, "a number") => {
                    "write `round(…)`, `floor(…)` or `to_int(…)` around it, or declare it as `float64`"
                }
                (Kind::Text, _) => "write `to_string(…)` around it",
                (Kind::Integer | Kind::Float, "a truth value") => {
                    "write `… ? 1 : 0` around it, or declare the feature as `bool`"
                }
                (Kind::Integer | Kind::Float, "text") => {
                    "write `to_int(…)` or `to_float(…)` around it, or declare the feature as `string`"
                }
                (Kind::Bool, _) => "write a comparison, as in `… > 0`",
                _ => "change the declared type, or the expression",
            };
            Err(Box::new(wrong(tree.span, message).help(help)))
        }
    }
}

/// The expression as one of that kind: whole numbers become floats, `null` becomes anything.
fn unified(typed: Typed, kind: &Kind) -> Option<Typed> {
    match (&typed.kind, kind) {
        (found, wanted) if found == wanted => Some(typed),
        (Kind::Null, _) => Some(Typed { kind: kind.clone(), ..typed }),
        (Kind::List(element), Kind::List(_)) if **element == Kind::Null => {
            Some(Typed { kind: kind.clone(), ..typed })
        }
        (Kind::Integer, Kind::Float) => Some(widen(typed)),
        _ => None,
    }
}

fn widen(typed: Typed) -> Typed {
    let node = match typed.node {
        Node::Constant(value) => Node::Constant(value.as_ref().and_then(widened)),
        _ => Node::Widen(Box::new(typed)),
    };
    Typed { kind: Kind::Float, node }
}

/// The kind that two kinds have in common.
fn common(one: &Kind, other: &Kind) -> Option<Kind> {
    match (one, other) {
        (one, other) if one == other => Some(one.clone()),
        (Kind::Null, kind) | (kind, Kind::Null) => Some(kind.clone()),
        (Kind::Integer, Kind::Float) | (Kind::Float, Kind::Integer) => Some(Kind::Float),
        (Kind::List(one), Kind::List(other)) => {
            common(one, other).map(|element| Kind::List(Box::new(element)))
        }
        _ => None,
    }
}

struct Typing<'a> {
    inputs: &'a Inputs<'a>,
    columns: Vec<ColumnName>,
    hopeless: Vec<Diagnostic>,
}

impl Typing<'_> {
    fn of(&mut self, tree: &Tree) -> Result<Typed> {
        let before = self.hopeless.len();
        let typed = self.read(tree)?;
        if !typed.node.is_of_constants() {
            return Ok(typed);
        }
        match evaluate::constant(&typed) {
            Ok(value) => Ok(Typed { kind: typed.kind, node: Node::Constant(value) }),
            Err(_) => {
                if self.hopeless.len() == before {
                    self.hopeless.push(no_value(tree));
                }
                Ok(typed)
            }
        }
    }

    fn read(&mut self, tree: &Tree) -> Result<Typed> {
        let constant = |kind: Kind, value: Option<Datum>| Typed { kind, node: Node::Constant(value) };
        Ok(match &tree.kind {
            TreeKind::Null => constant(Kind::Null, None),
            TreeKind::Bool(value) => constant(Kind::Bool, Some(Datum::Bool(*value))),
            TreeKind::Number(Number::Integer(value)) => constant(Kind::Integer, Some(Datum::Integer(*value))),
            TreeKind::Number(Number::Float(value)) => constant(Kind::Float, Some(Datum::Float(*value))),
            TreeKind::Text(text) => constant(Kind::Text, Some(Datum::text(text.as_str()))),
            TreeKind::Column(column) => self.column(column, tree.span)?,
            TreeKind::Not(inner) => {
                let inner = self.of_kind(inner, &Kind::Bool)?;
                Typed { kind: Kind::Bool, node: Node::Not(Box::new(inner)) }
            }
            TreeKind::Negate(inner) => {
                let operand = self.number(inner)?;
                Typed { kind: operand.kind.clone(), node: Node::Negate(Box::new(operand)) }
            }
            TreeKind::Binary(operator, sides) => self.binary(*operator, sides, tree.span)?,
            TreeKind::Conditional(parts) => self.conditional(parts)?,
            TreeKind::Call { name, name_span, arguments } => {
                self.call(name, *name_span, arguments, tree.span)?
            }
            TreeKind::Index(parts) => {
                let list = self.of(&parts[0])?;
                let Kind::List(element) = list.kind.clone() else {
                    let message = format!("{} has no elements", list.kind.name());
                    let help = (list.kind == Kind::Text)
                        .then(|| "`substr(text, offset, length)` takes a part of a text".to_owned());
                    return Err(Box::new(
                        Diagnostic::error(codes::EXPRESSION, parts[0].span, message).maybe_help(help),
                    ));
                };
                let index = self.of_kind(&parts[1], &Kind::Integer)?;
                if let Node::Constant(Some(at)) = &index.node
                    && evaluate::position(at).is_none()
                {
                    let message = "the list has no such element: elements are counted from 0";
                    self.hopeless.push(Diagnostic::error(codes::INDEX, parts[1].span, message));
                }
                Typed { kind: *element, node: Node::Index(Box::new([list, index])) }
            }
            TreeKind::List(elements) => self.list(elements, tree.span)?,
            TreeKind::Template(parts) => self.template(parts)?,
            TreeKind::Unresolved => return Err(wrong(tree.span, "this cannot be read")),
        })
    }

    fn column(&mut self, column: &ColumnName, span: Span) -> Result<Typed> {
        let source = self.inputs.columns.get(&column.source);
        let Some(value_type) = source.and_then(|columns| columns.get(&column.name)) else {
            let known = source.into_iter().flat_map(|columns| columns.keys().map(String::as_str));
            return Err(unknown_column(column, span, known));
        };
        let position = self.columns.iter().position(|known| known == column).unwrap_or_else(|| {
            self.columns.push(column.clone());
            self.columns.len() - 1
        });
        Ok(Typed { kind: Kind::of(value_type), node: Node::Column(position) })
    }

    fn of_kind(&mut self, tree: &Tree, kind: &Kind) -> Result<Typed> {
        let typed = self.of(tree)?;
        let found = typed.kind.name();
        let is_number = matches!(typed.kind, Kind::Integer | Kind::Float);
        unified(typed, kind).ok_or_else(|| {
            let help = match kind {
                Kind::Bool if is_number => Some("write a comparison in parentheses, as in `(v.x > 0)`"),
                Kind::Integer if is_number => Some("write `to_int(…)` or `round(…)` around it"),
                _ => None,
            };
            let message = format!("expected {}, found {found}", kind.name());
            let diagnostic = Diagnostic::error(codes::EXPRESSION, tree.span, message);
            Box::new(diagnostic.maybe_help(help.map(str::to_owned)))
        })
    }

    fn number(&mut self, tree: &Tree) -> Result<Typed> {
        let typed = self.of(tree)?;
        match typed.kind {
            Kind::Integer | Kind::Float => Ok(typed),
            Kind::Null => Ok(Typed { kind: Kind::Float, ..typed }),
            Kind::Text => {
                let help = "write `to_float(…)` around it, or join texts by `\"${a}${b}\"`";
                Err(Box::new(wrong(tree.span, "expected a number, found text").help(help)))
            }
            Kind::Time => {
                let help = "`seconds_between(from, to)` gives the time between two";
                Err(Box::new(wrong(tree.span, "expected a number, found a time").help(help)))
            }
            other => Err(wrong(tree.span, format!("expected a number, found {}", other.name()))),
        }
    }

    fn binary(&mut self, operator: BinaryOperator, sides: &[Tree; 2], span: Span) -> Result<Typed> {
        match operator {
            BinaryOperator::And | BinaryOperator::Or => {
                let sides = [self.of_kind(&sides[0], &Kind::Bool)?, self.of_kind(&sides[1], &Kind::Bool)?];
                Ok(Typed { kind: Kind::Bool, node: Node::Logic(operator, Box::new(sides)) })
            }
            BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Mul
            | BinaryOperator::Div
            | BinaryOperator::Mod => {
                let (left, right) = (self.number(&sides[0])?, self.number(&sides[1])?);
                if let Node::Constant(Some(divisor)) = &right.node
                    && matches!(operator, BinaryOperator::Div | BinaryOperator::Mod)
                    && !evaluate::divides(divisor)
                {
                    self.hopeless.push(Diagnostic::error(
                        codes::ARITHMETIC,
                        sides[1].span,
                        "division by zero",
                    ));
                }
                let whole = left.kind == Kind::Integer && right.kind == Kind::Integer;
                let kind = if whole && operator != BinaryOperator::Div { Kind::Integer } else { Kind::Float };
                let sides = [left, right].map(|side| unified(side, &kind));
                let [Some(left), Some(right)] = sides else {
                    return Err(wrong(span, "the sides are no numbers"));
                };
                Ok(Typed { kind, node: Node::Arithmetic(operator, Box::new([left, right])) })
            }
            _ => self.comparison(operator, sides, span),
        }
    }

    fn comparison(&mut self, operator: BinaryOperator, sides: &[Tree; 2], span: Span) -> Result<Typed> {
        let (left, right) = (self.of(&sides[0])?, self.of(&sides[1])?);
        let (one, other) = (left.kind.name(), right.kind.name());
        let ordered = !matches!(operator, BinaryOperator::Eq | BinaryOperator::NotEq);
        let kind = common(&left.kind, &right.kind).filter(|kind| match kind {
            Kind::Integer | Kind::Float | Kind::Text | Kind::Time => true,
            Kind::Bool | Kind::Bytes | Kind::Null => !ordered,
            Kind::List(_) => false,
        });
        let Some(kind) = kind else {
            let is_chain = sides.iter().any(|side| matches!(side.kind, TreeKind::Binary(..)));
            let help = match (&left.kind, &right.kind) {
                (Kind::Bool, _) | (_, Kind::Bool) if is_chain => {
                    Some("two comparisons are joined: write `a < b && b < c`")
                }
                (Kind::Text, Kind::Integer | Kind::Float) | (Kind::Integer | Kind::Float, Kind::Text) => {
                    Some("write `to_float(…)` around the text, or the other side as a text in quotes")
                }
                (Kind::Time, Kind::Text) | (Kind::Text, Kind::Time) => {
                    Some("write `to_timestamp(…)` around the text")
                }
                _ => None,
            };
            let message = format!("{one} and {other} cannot be compared so");
            let diagnostic = Diagnostic::error(codes::EXPRESSION, span, message);
            return Err(Box::new(diagnostic.maybe_help(help.map(str::to_owned))));
        };
        if kind == Kind::Null || left.kind == Kind::Null || right.kind == Kind::Null {
            let help = "null compared with anything is null; `is_null(…)` asks for it";
            return Err(Box::new(wrong(span, "a comparison with `null` has no value").help(help)));
        }
        let sides = [left, right].map(|side| unified(side, &kind));
        let [Some(left), Some(right)] = sides else {
            return Err(wrong(span, format!("{one} and {other} cannot be compared")));
        };
        Ok(Typed { kind: Kind::Bool, node: Node::Compare(operator, Box::new([left, right])) })
    }

    fn conditional(&mut self, parts: &[Tree; 3]) -> Result<Typed> {
        let condition = self.of_kind(&parts[0], &Kind::Bool)?;
        let start = self.hopeless.len();
        let then = self.of(&parts[1])?;
        let middle = self.hopeless.len();
        let otherwise = self.of(&parts[2])?;
        let branches = alike(vec![then, otherwise], &parts[1..])?;
        let kind = branches.first().map_or(Kind::Null, |branch| branch.kind.clone());
        let mut branches = branches.into_iter();
        let (Some(then), Some(otherwise)) = (branches.next(), branches.next()) else {
            return Err(wrong(parts[0].span, "a conditional has two branches"));
        };
        // What a variable decides takes the other branch out.
        if let Node::Constant(Some(Datum::Bool(is_true))) = condition.node {
            let dead = if is_true { middle..self.hopeless.len() } else { start..middle };
            self.hopeless.drain(dead);
            return Ok(if is_true { then } else { otherwise });
        }
        Ok(Typed { kind, node: Node::Conditional(Box::new([condition, then, otherwise])) })
    }

    /// Several expressions as ones of one kind.
    fn alike(&mut self, trees: &[Tree]) -> Result<Vec<Typed>> {
        let typed = trees.iter().map(|tree| self.of(tree)).collect::<Result<Vec<_>>>()?;
        alike(typed, trees)
    }

    fn list(&mut self, elements: &[Tree], span: Span) -> Result<Typed> {
        let typed = self.alike(elements)?;
        let kind = typed.first().map_or(Kind::Null, |first| first.kind.clone());
        let values: Option<Vec<Option<Datum>>> = typed
            .into_iter()
            .map(|one| match one.node {
                Node::Constant(value) => Some(value),
                Node::Widen(inner) => match inner.node {
                    Node::Constant(value) => Some(value.as_ref().and_then(widened)),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        let Some(values) = values else {
            let help = "a function takes several as arguments, without brackets: `max(a, b)`";
            let message = "a list over columns holds values only, no columns";
            return Err(Box::new(wrong(span, message).help(help)));
        };
        Ok(Typed { kind: Kind::List(Box::new(kind)), node: Node::Constant(Some(Datum::List(values.into()))) })
    }

    fn template(&mut self, parts: &[Tree]) -> Result<Typed> {
        let parts = parts
            .iter()
            .map(|part| {
                let typed = self.of(part)?;
                match typed.kind {
                    Kind::Text | Kind::Null => Ok(Typed { kind: Kind::Text, ..typed }),
                    Kind::Integer | Kind::Bool => {
                        let kernel: Kernel = |arguments| arguments[0].to_plain_text().map(Datum::text);
                        Ok(Typed { kind: Kind::Text, node: Node::Call(kernel, &[], vec![typed]) })
                    }
                    other => {
                        let message = format!("{} has no text of its own in a template", other.name());
                        Err(Box::new(wrong(part.span, message).help("write `to_string(…)` around it")))
                    }
                }
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Typed { kind: Kind::Text, node: Node::Join(parts) })
    }

    fn call(&mut self, name: &str, name_span: Span, arguments: &[Tree], span: Span) -> Result<Typed> {
        match (name, arguments) {
            ("coalesce", [_, ..]) => {
                let values = self.alike(arguments)?;
                let kind = values.first().map_or(Kind::Null, |first| first.kind.clone());
                return Ok(Typed { kind, node: Node::Coalesce(values) });
            }
            ("is_null", [only]) => {
                let inner = self.of(only)?;
                return Ok(Typed { kind: Kind::Bool, node: Node::IsNull(Box::new(inner)) });
            }
            _ => {}
        }
        let Some(function) = function::find(name) else {
            if matches!(name, "coalesce" | "is_null") {
                let wanted = if name == "is_null" { "1 argument" } else { "at least 1 argument" };
                return Err(wrong(span, format!("`{name}` takes {wanted}, found {}", arguments.len())));
            }
            return Err(unknown_function(name, name_span));
        };
        let typed = arguments.iter().map(|argument| self.of(argument)).collect::<Result<Vec<_>>>()?;
        let counts =
            |form: &&Form| form.takes.len() == typed.len() || (form.more && typed.len() > form.takes.len());
        let Some(any) = function.forms.iter().find(counts) else {
            let wanted: Vec<String> =
                function.forms.iter().map(|form| form.takes.len().to_string()).collect();
            let mut wanted = wanted;
            wanted.dedup();
            let plural = if wanted == ["1"] { "argument" } else { "arguments" };
            let message = format!("`{name}` takes {} {plural}, found {}", wanted.join(" or "), typed.len());
            let mut help = format!("it is written `{name}({})`", function.parameters);
            if name == "log" {
                help.push_str("; `ln(number)` is the natural logarithm");
            }
            return Err(Box::new(Diagnostic::error(codes::FUNCTION, span, message).help(help)));
        };
        let parameter = |form: &Form, at: usize| form.takes[at.min(form.takes.len() - 1)];
        let fits =
            |form: &&Form| typed.iter().enumerate().all(|(at, one)| parameter(form, at).fits(&one.kind));
        let Some(form) = function.forms.iter().filter(counts).find(fits) else {
            let at = typed
                .iter()
                .enumerate()
                .position(|(at, one)| !parameter(any, at).fits(&one.kind))
                .unwrap_or(0);
            let message = format!(
                "`{name}`: expected {}, found {}",
                article(parameter(any, at)),
                typed[at].kind.name()
            );
            let help = match (parameter(any, at), &typed[at].kind) {
                (Takes::Time, Kind::Text | Kind::Integer | Kind::Float) => {
                    "write `to_timestamp(…)` around it"
                }
                (Takes::Integer, Kind::Float) => "write `to_int(…)` or `round(…)` around it",
                (Takes::Integer, Kind::Text) => "write `to_int(…)` around it",
                (Takes::Float, Kind::Text) => "write `to_float(…)` around it",
                (Takes::Text, kind) if !matches!(kind, Kind::Bytes | Kind::List(_)) => {
                    "write `to_string(…)` around it"
                }
                (Takes::List, _) => "a list is written `[a, b]`",
                _ => "",
            };
            let help = Some(help.to_owned()).filter(|help| !help.is_empty());
            let diagnostic = Diagnostic::error(codes::FUNCTION, arguments[at].span, message);
            return Err(Box::new(diagnostic.maybe_help(help)));
        };
        let typed = typed.into_iter().enumerate().map(|(at, one)| match (parameter(form, at), &one.kind) {
            (Takes::Float, Kind::Integer) => widen(one),
            _ => one,
        });
        let typed: Vec<Typed> = typed.collect();
        self.hopeless.extend(outside_of_domains(function, &typed, arguments));
        Ok(Typed { kind: form.gives.clone(), node: Node::Call(form.kernel, function.domains, typed) })
    }
}

/// Several expressions as ones of one kind.
fn alike(typed: Vec<Typed>, trees: &[Tree]) -> Result<Vec<Typed>> {
    let mut kind = Kind::Null;
    for (one, tree) in typed.iter().zip(trees) {
        kind = common(&kind, &one.kind).ok_or_else(|| {
            wrong(tree.span, format!("expected {} as before, found {}", kind.name(), one.kind.name()))
        })?;
    }
    let same = typed.into_iter().zip(trees).map(|(one, tree)| {
        unified(one, &kind).ok_or_else(|| wrong(tree.span, format!("expected {}", kind.name())))
    });
    same.collect()
}

impl Node {
    /// The value that it is for every row.
    pub(super) const fn known(&self) -> Option<&Datum> {
        if let Self::Constant(Some(value)) = self { Some(value) } else { None }
    }

    /// Whether it is made of values that are the same for every row, and so is one.
    fn is_of_constants(&self) -> bool {
        // A function may make a text many times as long as its arguments.
        let length = |part: &Typed| part.node.known().and_then(Datum::as_text).map_or(0, str::len);
        let all = |parts: &[Typed]| {
            parts.iter().all(|part| matches!(part.node, Self::Constant(_)))
                && parts.iter().map(length).sum::<usize>() <= TEXT_LIMIT
        };
        match self {
            Self::Constant(_) | Self::Column(_) => false,
            Self::Widen(inner) | Self::Not(inner) | Self::Negate(inner) | Self::IsNull(inner) => {
                matches!(inner.node, Self::Constant(_))
            }
            Self::Arithmetic(_, sides)
            | Self::Compare(_, sides)
            | Self::Logic(_, sides)
            | Self::Index(sides) => all(&**sides),
            Self::Conditional(parts) => all(&**parts),
            Self::Coalesce(parts) | Self::Call(_, _, parts) | Self::Join(parts) => all(parts),
        }
    }
}

const fn article(takes: Takes) -> &'static str {
    match takes {
        Takes::Bool => "a truth value",
        Takes::Integer => "a whole number",
        Takes::Float => "a number",
        Takes::Text => "text",
        Takes::Time => "a time",
        Takes::List => "a list",
        Takes::Any => "any value",
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "arithmetic between a whole number and a float is that of floats"
)]
pub(super) fn widened(value: &Datum) -> Option<Datum> {
    match value {
        Datum::Integer(value) => Some(Datum::Float(*value as f64)),
        other => Some(other.clone()),
    }
}
