//! The evaluated arguments of a call, read by type.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::MANY;
use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::evaluate::{Failure, Result, as_number, wrong_type};
use crate::hcl::value::{Number, Value};
use crate::source::Span;

/// Most elements of a list that a function makes.
const LIST_LIMIT: usize = 1 << 18;

pub(super) struct Arguments {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) values: Vec<(Value, Span)>,
}

static ABSENT: Value = Value::Null;

impl Arguments {
    pub(super) fn count(&self, least: usize, most: usize) -> Result<()> {
        let found = self.values.len();
        if (least..=most).contains(&found) {
            return Ok(());
        }
        let wanted = match (least, most) {
            (1, 1) => "1 argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, MANY) => format!("at least {least} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        Err(self.fail(format!("`{}` takes {wanted}, found {found}", self.name)))
    }

    pub(super) fn fail(&self, message: String) -> Failure {
        Diagnostic::error(codes::FUNCTION, self.span, message).into()
    }

    pub(super) fn fail_at(&self, index: usize, message: impl Into<String>) -> Failure {
        Diagnostic::error(codes::FUNCTION, self.span_of(index), message).into()
    }

    pub(super) fn span_of(&self, index: usize) -> Span {
        self.values.get(index).map_or(self.span, |(_, span)| *span)
    }

    pub(super) fn value(&self, index: usize) -> &Value {
        self.values.get(index).map_or(&ABSENT, |(value, _)| value)
    }

    pub(super) fn string(&self, index: usize) -> Result<&str> {
        match self.value(index) {
            Value::String(text) => Ok(text),
            other => Err(wrong_type(self.span_of(index), "a string", other)),
        }
    }

    /// The elements of a list; of a list only, where their order or number matters.
    pub(super) fn list(&self, index: usize) -> Result<&[Value]> {
        match self.value(index) {
            Value::List(elements) => Ok(elements),
            other => Err(wrong_type(self.span_of(index), "a list", other)),
        }
    }

    /// The elements of a list or a set, in order.
    pub(super) fn elements(&self, index: usize) -> Result<Cow<'_, [Value]>> {
        match self.value(index) {
            Value::List(elements) => Ok(Cow::Borrowed(elements)),
            Value::Set(elements) => Ok(Cow::Owned(elements.iter().cloned().collect())),
            other => Err(wrong_type(self.span_of(index), "a list or a set", other)),
        }
    }

    /// The same with one type for all: numbers and truth values beside strings become strings, as in Terraform.
    pub(super) fn unified(&self, index: usize) -> Result<Vec<Value>> {
        unify(self.elements(index)?.into_owned()).map_err(|(one, other)| {
            let message = format!("elements must have one type, found {} and {}", one.kind(), other.kind());
            self.fail_at(index, message)
        })
    }

    /// The texts of a list or set of strings; numbers and truth values become text, null is none.
    pub(super) fn texts(&self, index: usize) -> Result<Vec<Option<String>>> {
        let text = |element: &Value| match element {
            Value::Null => Ok(None),
            other => match other.to_text() {
                Some(text) => Ok(Some(text)),
                None => Err(wrong_type(self.span_of(index), "strings in the list", other)),
            },
        };
        self.elements(index)?.iter().map(text).collect()
    }

    pub(super) fn map(&self, index: usize) -> Result<&BTreeMap<String, Value>> {
        match self.value(index) {
            Value::Map(entries) => Ok(entries),
            other => Err(wrong_type(self.span_of(index), "a map", other)),
        }
    }

    pub(super) fn number(&self, index: usize) -> Result<Number> {
        let value = self.value(index);
        as_number(value).ok_or_else(|| wrong_type(self.span_of(index), "a number", value))
    }

    pub(super) fn integer(&self, index: usize) -> Result<i64> {
        let number = self.number(index)?;
        number.as_integer().ok_or_else(|| self.fail_at(index, format!("`{number}` is not a whole number")))
    }

    /// Text that a function made, unless there is too much of it.
    pub(super) fn made(&self, text: String) -> Result<Value> {
        if text.len() > crate::hcl::template::TEXT_LIMIT {
            return Err(Diagnostic::error(codes::LIMIT, self.span, "this text is longer than 16 MiB").into());
        }
        Ok(Value::text(text))
    }

    /// A list that a function made, unless it is too long.
    pub(super) fn made_list(&self, elements: Vec<Value>) -> Result<Value> {
        self.limit(elements.len())?;
        Ok(Value::List(elements))
    }

    /// Refuses a list of so many elements before it is made.
    pub(super) fn limit(&self, elements: usize) -> Result<()> {
        if elements > LIST_LIMIT {
            let message = format!("this list has more than {LIST_LIMIT} elements");
            return Err(Diagnostic::error(codes::LIMIT, self.span, message).into());
        }
        Ok(())
    }
}

/// Values of one type; or two whose types do not go together.
pub(super) fn unify(elements: Vec<Value>) -> std::result::Result<Vec<Value>, (Value, Value)> {
    let known = |element: &&Value| !matches!(element, Value::Null);
    let Some(first) = elements.iter().find(known) else { return Ok(elements) };
    let Some(other) = elements
        .iter()
        .filter(known)
        .find(|other| std::mem::discriminant(*other) != std::mem::discriminant(first))
    else {
        return Ok(elements);
    };
    if !elements.iter().any(|element| matches!(element, Value::String(_))) {
        return Err((first.clone(), other.clone()));
    }
    let as_text = |element: Value| match element {
        Value::Null => Ok(Value::Null),
        other => other.to_text().map(Value::String).ok_or(other),
    };
    let text = Value::String(String::new());
    elements.into_iter().map(as_text).collect::<std::result::Result<_, _>>().map_err(|other| (text, other))
}
