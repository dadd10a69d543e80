//! The tree of a file: bodies, blocks, attributes, expressions, each with its span. Comments and layout are gone.

use ecow::EcoString;

use crate::source::Span;

/// What stands between the braces of a block, or in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Body {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) blocks: Vec<Block>,
}

/// `key = value`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attribute {
    pub(crate) key: Name,
    pub(crate) value: Expression,
}

/// `kind "label" { … }`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) kind: Name,
    pub(crate) labels: Vec<Name>,
    pub(crate) body: Body,
}

impl Block {
    /// Type and labels.
    pub(crate) fn header(&self) -> Span {
        self.labels.last().map_or(self.kind.span, |last| self.kind.span.to(last.span))
    }
}

/// A word or a quoted label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: EcoString,
    pub(crate) span: Span,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    pub(crate) span: Span,
    pub(crate) kind: ExpressionKind,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ExpressionKind {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    List(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Template(Vec<Part>),
    Variable(EcoString),
    Traversal(Box<Expression>, Vec<Step>),
    Conditional(Box<[Expression; 3]>),
    Call(Box<Call>),
    Not(Box<Expression>),
    Negate(Box<Expression>),
    Binary(Box<Binary>),
    For(Box<For>),
}

/// A step of a traversal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// `.name`
    Attribute(Name),
    /// `[index]`
    Index(Expression),
    /// `.*`: what follows, up to the next index, goes to each element
    AttributeSplat(Span),
    /// `[*]`: what follows goes to each element
    FullSplat(Span),
}

impl Step {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Attribute(name) => name.span,
            Self::Index(index) => index.span,
            Self::AttributeSplat(span) | Self::FullSplat(span) => *span,
        }
    }
}

/// `name(arguments)`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: Name,
    pub(crate) arguments: Vec<Expression>,
    /// Whether the last argument is a list that stands for several (`…`).
    pub(crate) expand: bool,
}

/// `left operator right`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binary {
    pub(crate) left: Expression,
    pub(crate) operator: BinaryOperator,
    pub(crate) right: Expression,
}

/// Operators with two sides.
pub(crate) use hcl::edit::expr::BinaryOperator;

/// `[for key, value in collection : result if condition]`, or the same in braces.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct For {
    pub(crate) key: Option<String>,
    pub(crate) value: String,
    pub(crate) collection: Expression,
    /// The key of each entry; none: the result is a list.
    pub(crate) result_key: Option<Expression>,
    pub(crate) result: Expression,
    /// Whether entries of one key are gathered in lists (`…`).
    pub(crate) group: bool,
    pub(crate) condition: Option<Expression>,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Literal(String),
    Interpolation(Expression),
    /// `%{ if condition }…%{ else }…%{ endif }`
    If(Box<Expression>, Vec<Part>, Vec<Part>),
    /// `%{ for key, value in collection }…%{ endfor }`
    For {
        key: Option<String>,
        value: String,
        collection: Box<Expression>,
        body: Vec<Part>,
    },
}
