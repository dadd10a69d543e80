//! Markdown for a comment on a pull request. What breaks comes first, and the length has a limit that no plan exceeds:
//! detail is taken back level by level, always whole parts, and the last line says what is missing.

mod details;
mod escape;
mod summary;
mod table;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use self::details::details;
use crate::plan::{Change, Contract, Plan, Risk};
use crate::view::wording::{Risks, counted, is_folded, risks};

/// How long the text may be, and what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkdownOptions {
    /// Most bytes of the text.
    pub max_bytes: usize,
    /// Show metadata-only changes too.
    pub verbose: bool,
}

impl MarkdownOptions {
    /// The least length in which the counts of every plan find room.
    pub const MIN_BYTES: usize = 1_250;

    /// Whether every plan can be told in so many bytes.
    ///
    /// # Errors
    /// [`TooShort`] for less than [`Self::MIN_BYTES`].
    pub const fn check(&self) -> Result<(), TooShort> {
        if self.max_bytes < Self::MIN_BYTES { Err(TooShort { max_bytes: self.max_bytes }) } else { Ok(()) }
    }
}

impl Default for MarkdownOptions {
    fn default() -> Self {
        Self { max_bytes: 60_000, verbose: false }
    }
}

/// A limit in which not even the counts find room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{max_bytes} bytes are too few for a plan in Markdown: its counts alone can take {}",
    MarkdownOptions::MIN_BYTES
)]
pub struct TooShort {
    /// The limit.
    pub max_bytes: usize,
}

/// Findings and acceptances that are listed without details.
const LISTED: usize = 10;

/// How much is told, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// Details of every change.
    All,
    /// Details of what breaks.
    Breaking,
    /// No details.
    Table,
}

/// The plan as a comment of at most `max_bytes` bytes.
///
/// # Errors
/// [`TooShort`] for less than [`MarkdownOptions::MIN_BYTES`].
pub fn plan(plan: &Plan, options: &MarkdownOptions) -> Result<String, TooShort> {
    options.check()?;
    let mut changes: Vec<&Change> =
        plan.changes.iter().filter(|change| options.verbose || !is_folded(change)).collect();
    changes.sort_by_key(|change| Reverse(change.contract));
    let comment = Comment {
        plan,
        options: *options,
        changes,
        risks: risks(plan),
        refused: plan.gate.refused(plan.now),
    };
    let levels = [Level::All, Level::Breaking, Level::Table];
    let whole = levels.into_iter().find_map(|level| comment.at(level));
    Ok(whole.or_else(|| comment.shortened()).unwrap_or_else(|| comment.bare()))
}

/// What is told, ranked.
struct Comment<'a> {
    plan: &'a Plan,
    options: MarkdownOptions,
    changes: Vec<&'a Change>,
    risks: Risks<'a>,
    refused: Vec<&'a Risk>,
}

impl Comment<'_> {
    fn head(&self) -> String {
        let mut text = summary::marker(self.plan) + &summary::title(self.plan, self.options.verbose);
        text.push_str(&summary::notices(self.plan, &self.refused));
        if !self.changes.is_empty() {
            text.push('\n');
            text.push_str(table::HEADER);
        }
        text
    }

    /// The whole table, with details as the level says; none where that is too long.
    fn at(&self, level: Level) -> Option<String> {
        let limit = if level == Level::Table { LISTED } else { usize::MAX };
        let mut tail = summary::acceptance(&self.refused, limit) + &summary::findings(self.plan, limit);
        tail.push_str(&summary::work(self.plan));
        let told = |change: &&&Change| match level {
            Level::All => true,
            Level::Breaking => change.contract == Contract::Breaking,
            Level::Table => false,
        };
        let left = self.changes.len() - self.changes.iter().filter(told).count();
        if left > 0 {
            tail.push_str(&self.left_out(&format!("the details of {}", counted(left, "change"))));
        }
        let room = self.options.max_bytes.checked_sub(tail.len())?;
        let mut text = self.head();
        self.changes.iter().try_for_each(|change| fitting(&mut text, &table::row(change), room))?;
        let details = |change| details(change, &self.risks, self.options.verbose);
        self.changes.iter().filter(told).try_for_each(|change| fitting(&mut text, &details(change), room))?;
        fitting(&mut text, "", room)?;
        Some(text + &tail)
    }

    /// The first rows of the table; none where not even its header finds room.
    fn shortened(&self) -> Option<String> {
        let tail = |rows: usize| {
            let missing = counted(self.changes.len() - rows, "change");
            summary::work(self.plan)
                + &self.left_out(&format!("{missing} of the table, all details, acceptances and findings"))
        };
        let room = self.options.max_bytes.checked_sub(tail(0).len())?;
        let mut text = self.head();
        fitting(&mut text, "", room)?;
        let rows =
            self.changes.iter().map_while(|change| fitting(&mut text, &table::row(change), room)).count();
        Some(text + &tail(rows))
    }

    /// The counts alone.
    fn bare(&self) -> String {
        let mut text = summary::marker(self.plan) + &summary::title(self.plan, self.options.verbose);
        if !self.refused.is_empty() {
            text.push_str(&format!("\n**Refused by a gate:** {}\n", counted(self.refused.len(), "finding")));
        }
        text + &self.left_out("everything but the counts")
    }

    fn left_out(&self, what: &str) -> String {
        format!(
            "\nLeft out, to stay within {} bytes: {what}. `provender show PLAN` shows everything.\n",
            self.options.max_bytes
        )
    }
}

/// Adds the part where the text stays within the room.
fn fitting(text: &mut String, part: &str, room: usize) -> Option<()> {
    (text.len() + part.len() <= room).then(|| text.push_str(part))
}
