//! The border type between library errors and the terminal: what to print and which exit code it means.

use std::process::ExitCode;

use provender_runtime::{Error, ErrorKind};

/// Result of a command.
pub(crate) type CommandResult<T = Exit> = Result<T, CommandError>;

/// How a command that did not fail ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: told and final, such as an answer that was not `yes`; whatever there was to say has been said.
    Failed,
    /// 2: with `--detailed-exitcode`, apply would write an entry.
    Changes,
    /// 3: a gate refused.
    Refused,
    /// 4: the world moved; whatever there was to say has been said.
    Moved,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Changes => Self::from(2),
            Exit::Refused => Self::from(3),
            Exit::Moved => Self::from(4),
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: CommandErrorKind,
    /// What was being done to what, then the causes, outermost first.
    pub(crate) chain: Vec<String>,
    /// What to do about it.
    pub(crate) hints: Vec<String>,
}

/// What the exit code says of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CommandErrorKind {
    /// 1: the input, the usage or the environment is wrong.
    Failed,
    /// 4: the world moved or is busy.
    Conflict,
    /// 101: a bug in this program.
    Bug,
}

impl CommandError {
    /// A failure that is told by one message.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { kind: CommandErrorKind::Failed, chain: vec![message.into()], hints: Vec::new() }
    }

    /// The world moved: plan again.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self { kind: CommandErrorKind::Conflict, ..Self::new(message) }
    }

    /// A failure whose findings have been printed already.
    pub(crate) fn reported() -> Self {
        Self { kind: CommandErrorKind::Failed, chain: Vec::new(), hints: Vec::new() }
    }

    /// Adds the error that caused it.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.chain.push(cause.to_string());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The exit code it means.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            CommandErrorKind::Failed => 1,
            CommandErrorKind::Conflict => 4,
            CommandErrorKind::Bug => 101,
        })
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Conflict => CommandErrorKind::Conflict,
            ErrorKind::Bug => CommandErrorKind::Bug,
            ErrorKind::Invalid
            | ErrorKind::NotFound
            | ErrorKind::Corrupt
            | ErrorKind::Unavailable
            | ErrorKind::Interrupted => CommandErrorKind::Failed,
        };
        Self { kind, chain: error.chain(), hints: error.hints().to_vec() }
    }
}
