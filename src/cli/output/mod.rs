//! The only place that writes to the terminal. Data goes to stdout, everything else to stderr; text carries labels, and
//! `theme` turns labels into colours. A closed pipe ends the output, never the work: an `apply | head` still applies.

mod log;
mod progress;
mod theme;

use std::io::{self, IsTerminal as _, Write as _};
use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::Mutex;

use provender_core::diagnostic::steers;

use crate::arguments::GlobalArguments;
use crate::error::{CommandError, CommandResult};

pub(crate) use log::{LogFormat, LogGuard, LogLevel};
pub(crate) use progress::Progress;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Columns of text where there is no terminal to ask.
const DEFAULT_WIDTH: usize = 100;

/// Where output goes and how.
#[derive(Debug)]
pub(crate) struct Ui {
    color_stdout: bool,
    color_stderr: bool,
    quiet: bool,
    program: String,
    /// Held while a line is written, so that lines of parallel steps do not mix.
    lock: Mutex<()>,
    /// Why data could not be written to stdout, the first time that it could not.
    lost: Mutex<Option<io::Error>>,
}

impl Ui {
    /// Decides colours once, from the flag, `NO_COLOR` and the terminals.
    pub(crate) fn new(global: &GlobalArguments) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let decide = |terminal: bool| match global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !no_color,
        };
        Self {
            color_stdout: decide(io::stdout().is_terminal()),
            color_stderr: decide(io::stderr().is_terminal()),
            quiet: global.quiet,
            program: global.program(),
            lock: Mutex::new(()),
            lost: Mutex::new(None),
        }
    }

    /// Columns that text may take on stdout.
    pub(crate) fn width(&self) -> usize {
        console::Term::stdout()
            .size_checked()
            .map_or(DEFAULT_WIDTH, |(_, columns)| usize::from(columns).max(40))
    }

    /// Whether stderr shows colours; for renderers that write their own.
    pub(crate) const fn styled_messages(&self) -> bool {
        self.color_stderr
    }

    /// Whether stdout is a terminal: people want the beginning of long data, programs all of it.
    pub(crate) fn data_is_for_people(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether only data and errors are wanted.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// How a command that is recommended begins: `provender`, with the folder of the project.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// Whether questions can be asked.
    pub(crate) fn interactive(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// Data, to stdout, as it is.
    pub(crate) fn data(&self, text: &str) {
        match text.ends_with('\n') {
            true => self.bytes(text.as_bytes()),
            false => self.bytes(format!("{text}\n").as_bytes()),
        }
    }

    /// Bytes as they are, for a program that reads stdout.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        let _guard = self.lock.lock();
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        if let (Err(error), Ok(mut lost)) = (written, self.lost.lock()) {
            lost.get_or_insert(error);
        }
    }

    /// The work goes on when its output does not get through; but then the command has failed. A closed pipe means that
    /// nobody wants to read more.
    pub(crate) fn lost_output(&self) -> Option<CommandError> {
        let lost = self.lost.lock().ok()?.take()?;
        lost_output(&lost)
    }

    /// Data for programs, to stdout: JSON, indented.
    pub(crate) fn json(&self, value: &impl serde::Serialize) -> CommandResult<()> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| CommandError::new("could not write the result as JSON").because(error))?;
        self.data(&text);
        Ok(())
    }

    /// A table of fixed columns for people, to stdout.
    pub(crate) fn table<const N: usize>(
        &self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        self.columns(header.map(str::to_owned).to_vec(), rows.into_iter().map(Vec::from));
    }

    /// A table, to stdout. One that is wider than the terminal wraps its cells; programs get a row a line.
    pub(crate) fn columns(&self, header: Vec<String>, rows: impl IntoIterator<Item = Vec<String>>) {
        let mut table = comfy_table::Table::new();
        table
            .load_preset(comfy_table::presets::NOTHING)
            .set_header(header.iter().map(|name| printable(name)));
        if self.data_is_for_people() {
            table
                .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
                .set_width(u16::try_from(self.width()).unwrap_or(u16::MAX));
        } else {
            table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
        }
        for row in rows {
            table.add_row(row.iter().map(|cell| printable(cell)));
        }
        self.data(&table.trim_fmt());
    }

    /// Labelled text, to stdout.
    pub(crate) fn text(&self, text: &provender_core::view::text::Text) {
        self.data(&theme::paint(text, self.color_stdout));
    }

    /// A line for people, to stderr; left out with `--quiet`.
    pub(crate) fn message(&self, line: &str) {
        if !self.quiet {
            self.line(line);
        }
    }

    /// Something that people must see, to stderr.
    pub(crate) fn warning(&self, line: &str) {
        self.line(&format!("{} {}", theme::warning(self.color_stderr), printable(line)));
    }

    /// Writes one warning, from wherever it comes up.
    pub(crate) fn warner(&self) -> impl FnOnce(String) + Send + 'static {
        let word = theme::warning(self.color_stderr);
        move |line| Self::note(&format!("{word} {}", printable(&line)))
    }

    /// Text that was rendered for stderr already, such as diagnostics.
    pub(crate) fn rendered(&self, text: &str) {
        self.line(text.trim_end_matches('\n'));
    }

    /// From now on events of libraries are lines on stderr.
    pub(crate) fn log(&self, format: LogFormat, level: LogLevel) -> LogGuard {
        log::begin(format, level, self.color_stderr)
    }

    /// A failed command: what happened, why, and what to do.
    pub(crate) fn error(&self, error: &CommandError) {
        let Some((first, causes)) = error.chain.split_first() else { return };
        let mut lines = format!("{} {}", theme::error(self.color_stderr), printable(first));
        for cause in causes {
            lines.push_str("\n  caused by: ");
            lines.push_str(&printable(cause));
        }
        for hint in &error.hints {
            lines.push('\n');
            lines.push_str(&theme::hint(self.color_stderr));
            lines.push(' ');
            lines.push_str(&printable(hint));
        }
        self.line(&lines);
    }

    /// Asks on stderr and reads one line from stdin, without its end.
    pub(crate) fn ask(&self, question: &str) -> io::Result<String> {
        {
            let mut stderr = io::stderr().lock();
            write!(stderr, "{question}")?;
            stderr.flush()?;
        }
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(answer.trim_end_matches(['\n', '\r']).to_owned())
    }

    /// A line from where there is no `Ui` at hand, such as the signal listener.
    pub(crate) fn note(line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    fn line(&self, line: &str) {
        let _guard = self.lock.lock();
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{line}");
    }
}

fn lost_output(error: &io::Error) -> Option<CommandError> {
    let is_loss = error.kind() != io::ErrorKind::BrokenPipe;
    is_loss.then(|| CommandError::new("could not write to stdout: the output is not whole").because(error))
}

/// A usage error or a request for help, as clap prints it. Usage errors exit with 1, never 2.
pub(crate) fn usage(error: &clap::Error, hint: Option<&str>) -> ExitCode {
    if let Err(error) = error.print()
        && let Some(lost) = lost_output(&error)
    {
        let _ = writeln!(io::stderr().lock(), "error: {}", lost.chain.join(": "));
        return lost.exit_code();
    }
    if let Some(hint) = hint {
        let _ = writeln!(io::stderr().lock(), "hint: {hint}");
    }
    ExitCode::from(u8::from(error.use_stderr()))
}

/// What a panic prints: that it is a bug, where, and what to do. The process then exits with 101. One of a library that
/// decodes a damaged file prints nothing: it becomes an error.
pub(crate) fn panic_report(panic: &PanicHookInfo<'_>) {
    if provender_runtime::decoding::in_progress() {
        return;
    }
    let payload = panic.payload();
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    let place =
        panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "error: provender met a bug in itself{place}: {}", printable(&message));
    let _ = writeln!(
        stderr,
        "hint: please report it with the command you ran and this line (`provender version` says which version)"
    );
}

/// Text with control characters written visibly, so that no name can steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\n  "),
            '\t' => safe.push(' '),
            _ if steers(character) => safe.extend(character.escape_unicode()),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn names_cannot_steer_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(printable("é ✓"), "é ✓");
    }
}
