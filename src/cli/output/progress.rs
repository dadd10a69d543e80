//! Progress of long work: a bar on a terminal, plain lines otherwise.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on stderr; invisible where stderr is no terminal.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar over `length` units, or a spinner when the length is not known.
    pub(crate) fn new(length: Option<u64>, message: impl Into<String>) -> Self {
        let bar = if io::stderr().is_terminal() {
            length.map_or_else(ProgressBar::new_spinner, ProgressBar::new)
        } else {
            ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden())
        };
        let template = if length.is_some() {
            "{msg} [{wide_bar}] {human_pos}/{human_len} {per_sec} {eta}"
        } else {
            "{msg} {spinner} {human_pos} rows {per_sec}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(message.into());
        Self(bar)
    }

    /// Sets how far the work is.
    pub(crate) fn set(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
