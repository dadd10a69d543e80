//! Types of variables, as Terraform writes them: `string`, `number`, `bool`, `any`, `list(…)`, `set(…)`, `map(…)`, and
//! kinds of objects for references.

use crate::diagnostic::{Diagnostic, codes, suggestion};
use crate::hcl::{Expression, ExpressionKind, Number, Value};
use crate::model::ObjectKind;

/// The type of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TypeConstraint {
    Any,
    String,
    Number,
    Bool,
    List(Box<Self>),
    Set(Box<Self>),
    Map(Box<Self>),
    Reference(ObjectKind),
}

const WORDS: [&str; 8] =
    ["any", "bool", "number", "string", "entity", "data_source", "feature_view", "feature_service"];
const CONSTRUCTORS: [&str; 3] = ["list", "map", "set"];

impl TypeConstraint {
    pub(super) fn parse(expression: &Expression) -> Result<Self, Box<Diagnostic>> {
        match &expression.kind {
            ExpressionKind::Variable(word) => Self::word(word, expression),
            ExpressionKind::Call(call) if call.arguments.len() == 1 && !call.expand => {
                let element = Box::new(Self::parse(&call.arguments[0])?);
                match call.name.text.as_str() {
                    "list" => Ok(Self::List(element)),
                    "set" => Ok(Self::Set(element)),
                    "map" => Ok(Self::Map(element)),
                    other => Err(unknown(other, expression)),
                }
            }
            ExpressionKind::Call(call) => Err(unknown(&call.name.text, expression)),
            ExpressionKind::String(text) => {
                let message = "expected a type, found text";
                let diagnostic = Diagnostic::error(codes::TYPE, expression.span, message);
                Err(Box::new(diagnostic.help(format!("write `{text}`, without quotes"))))
            }
            _ => Err(Box::new(Diagnostic::error(codes::TYPE, expression.span, "expected a type"))),
        }
    }

    fn word(word: &str, expression: &Expression) -> Result<Self, Box<Diagnostic>> {
        Ok(match word {
            "any" => Self::Any,
            "string" => Self::String,
            "number" => Self::Number,
            "bool" => Self::Bool,
            "list" => Self::List(Box::new(Self::Any)),
            "map" => Self::Map(Box::new(Self::Any)),
            "set" => Self::Set(Box::new(Self::Any)),
            other => Self::Reference(
                ObjectKind::ALL
                    .into_iter()
                    .find(|kind| kind.as_str() == other)
                    .ok_or_else(|| unknown(other, expression))?,
            ),
        })
    }

    /// Whether a value given as text is that text, not an expression.
    pub(super) const fn takes_text(&self) -> bool {
        matches!(self, Self::String)
    }

    /// The value in this type; or what was wanted.
    pub(super) fn convert(&self, value: Value) -> Result<Value, String> {
        if value == Value::Null {
            return Ok(value);
        }
        match (self, value) {
            (Self::Any, value) => Ok(value),
            (Self::String, value) => value.to_text().map(Value::String).ok_or_else(|| "a string".to_owned()),
            (Self::Number, value @ Value::Number(_)) => Ok(value),
            (Self::Number, Value::String(text)) => text
                .parse()
                .map(|number: i64| Value::Number(Number::Integer(number)))
                .or_else(|_| text.parse().map(|number| Value::Number(Number::of(number))))
                .map_err(|_| "a number".to_owned()),
            (Self::Bool, value @ Value::Bool(_)) => Ok(value),
            (Self::Bool, Value::String(text)) if matches!(text.as_str(), "true" | "false") => {
                Ok(Value::Bool(text == "true"))
            }
            (Self::List(element), Value::List(elements)) => element.convert_all(elements).map(Value::List),
            (Self::List(element), Value::Set(elements)) => element.convert_all(elements).map(Value::List),
            (Self::Set(element), Value::List(elements)) => element.convert_all(elements).map(Value::Set),
            (Self::Set(element), Value::Set(elements)) => element.convert_all(elements).map(Value::Set),
            (Self::Map(element), Value::Map(entries)) => entries
                .into_iter()
                .map(|(key, value)| Ok((key, element.convert(value)?)))
                .collect::<Result<_, String>>()
                .map(Value::Map),
            (Self::Reference(kind), Value::Reference(reference))
                if reference.kind == *kind && reference.feature.is_none() =>
            {
                Ok(Value::Reference(reference))
            }
            _ => Err(self.what()),
        }
    }

    fn convert_all<C: FromIterator<Value>>(
        &self,
        elements: impl IntoIterator<Item = Value>,
    ) -> Result<C, String> {
        elements.into_iter().map(|value| self.convert(value)).collect()
    }

    fn what(&self) -> String {
        match self {
            Self::Any => "any value".to_owned(),
            Self::String => "a string".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::List(_) | Self::Set(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Reference(kind) => format!("a reference to `{kind}`"),
        }
    }
}

fn unknown(word: &str, expression: &Expression) -> Box<Diagnostic> {
    let diagnostic = if matches!(word, "object" | "tuple" | "optional") {
        let message = format!("`{word}` is not supported by this version yet");
        Diagnostic::error(codes::UNSUPPORTED, expression.span, message).help("use `any` or `map(any)`")
    } else {
        let message = format!("`{word}` is not a type of variables");
        let help = match word.to_lowercase().as_str() {
            "int64" | "int32" | "float64" | "float32" | "int" | "float" | "integer" | "double" | "long" => {
                Some("did you mean `number`?".to_owned())
            }
            "boolean" => Some("did you mean `bool`?".to_owned()),
            "str" | "text" => Some("did you mean `string`?".to_owned()),
            "dict" => Some("did you mean `map`?".to_owned()),
            "array" => Some("did you mean `list`?".to_owned()),
            _ => suggestion(word, WORDS.into_iter().chain(CONSTRUCTORS)),
        };
        Diagnostic::error(codes::TYPE, expression.span, message).maybe_help(help)
    };
    Box::new(diagnostic)
}
