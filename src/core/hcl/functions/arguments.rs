//! The evaluated arguments of a call, read by type.

use std::collections::BTreeMap;

use super::MANY;
use crate::diagnostic::{Diagnostic, codes};
use crate::hcl::evaluate::{Failure, Result, as_number, wrong_type};
use crate::hcl::value::{Number, Value};
use crate::source::Span;

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

    pub(super) fn list(&self, index: usize) -> Result<&[Value]> {
        match self.value(index) {
            Value::List(elements) => Ok(elements),
            other => Err(wrong_type(self.span_of(index), "a list", other)),
        }
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
        Ok(Value::String(text))
    }
}
