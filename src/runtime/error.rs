//! One error type: a kind, what was being done to what, the cause, and hints that are no part of the message.

use std::fmt;

/// Result of the runtime.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an error; the CLI turns it into an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The input is wrong: a name, a file, a column, a value.
    Invalid,
    /// What was asked for is not there.
    NotFound,
    /// The world moved or is busy: plan again (exit 4).
    Conflict,
    /// A stored document is damaged, of a newer format, or of another project.
    Corrupt,
    /// A store, file system or network failed.
    Unavailable,
    /// A signal stopped it.
    Interrupted,
    /// A bug in this program.
    Bug,
}

/// An error: what was being done, why it failed, what to do.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    hints: Vec<String>,
}

impl Error {
    /// An error of this kind; the message says what was being done to what: lower case, no full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None, hints: Vec::new() }
    }

    /// Shorthand for [`ErrorKind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Shorthand for [`ErrorKind::Conflict`].
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// Shorthand for [`ErrorKind::Corrupt`].
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// Shorthand for [`ErrorKind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// The cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What to do about it; printed apart from the message.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Puts what was being done before this error, which becomes the cause; kind and hints stay.
    #[must_use]
    pub fn context(self, message: impl Into<String>) -> Self {
        let Self { kind, message: inner, source, hints } = self;
        let cause = Self { kind, message: inner, source, hints: Vec::new() };
        Self { kind, message: message.into(), source: Some(Box::new(cause)), hints }
    }

    /// The same error of a store that somebody else's request needed: a login or a table that is gone is nothing that the
    /// request did wrong.
    #[must_use]
    pub fn of_store(self) -> Self {
        let kind = match self.kind {
            ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict => ErrorKind::Unavailable,
            kind => kind,
        };
        Self { kind, ..self }
    }

    /// Its message and those of its causes, outermost first. Libraries often repeat their cause in their own message; it
    /// is said once.
    pub fn chain(&self) -> Vec<String> {
        let mut chain = vec![self.message.clone()];
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let text = cause.to_string();
            if chain.last().is_none_or(|last| !last.contains(&text)) {
                chain.push(text);
            }
            source = cause.source();
        }
        chain
    }

    /// The same error of a failed write, with what to do where the disk is full.
    #[must_use]
    pub(crate) fn with_hint_of_room(self) -> Self {
        if is_without_room(std::error::Error::source(&self)) {
            self.with_hint("the disk is full; free some space and run the same again")
        } else {
            self
        }
    }

    /// What a caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Lines for the user, without the `hint:` label.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

/// How the system says that a disk has no room, where a library keeps no more of an error than its text.
const NO_ROOM: &str = "(os error 28)";

/// Whether a disk without room is among the causes of a failed write.
fn is_without_room(mut cause: Option<&(dyn std::error::Error + 'static)>) -> bool {
    while let Some(error) = cause {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let is_full =
            matches!(kind, Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded));
        if is_full || (kind.is_none() && error.to_string().contains(NO_ROOM)) {
            return true;
        }
        cause = error.source();
    }
    false
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as &(dyn std::error::Error + 'static))
    }
}
