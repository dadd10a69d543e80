//! One change as a card: what happens to the object, its lines, the work on its data, its readers, its place.

use maud::{Markup, html};

use crate::plan::{Affected, Change, Contract};
use crate::view::difference::{self, Line, Sign};
use crate::view::visible::clipped;
use crate::view::wording::{allow, data, verb};

/// Lines of one card.
const LINES: usize = 200;
/// Characters of one line.
const CHARACTERS: usize = 4_000;
/// Services of one card, and names that each of them lists.
const READERS: usize = 50;

/// The card of a change; `accept` are the rules that can be accepted on it.
pub(super) fn card(change: &Change, anchor: &str, accept: &[&str]) -> Markup {
    let (sign, verb) = verb(&change.actions);
    let (class, mark) = severity(change.contract);
    html! {
        article.card.(class) id=(anchor) {
            header {
                span.sign { (sign) }
                h4 { code { (clipped(&change.address.to_string(), CHARACTERS)) } " " span.verb { (verb) }
                    @if let Some(was) = &change.previous_address { span.verb { " (was " (was) ")" } }
                }
                span.tags {
                    span.badge.(class) { (mark) " " (class.replace('-', "‑")) }
                    @for code in &change.codes { " " span.badge { (clipped(code, 60)) } }
                }
                @if let Some(place) = place(change) { span.place { (place) } }
            }
            (lines(change))
            @if !change.data.is_empty() || !change.affects.is_empty() || !accept.is_empty() { dl {
                @if !change.data.is_empty() { dt { "data" }
                    @for work in &change.data { dd { (clipped(&data(work), CHARACTERS)) } } }
                @if !change.affects.is_empty() { dt { "affects" }
                    @for service in change.affects.iter().take(READERS) { dd { (reader(service)) } }
                    (more(change.affects.len(), READERS, "service")) }
                @if !accept.is_empty() { dt { "accept" }
                    @for code in accept { dd { code { (clipped(&allow(code, &change.address), CHARACTERS)) } } } }
            } }
        }
    }
}

/// A change in one line, for those that come after all cards.
pub(super) fn one_line(change: &Change) -> Markup {
    let (sign, verb) = verb(&change.actions);
    html! {
        span.sign { (sign) } " " code { (clipped(&change.address.to_string(), 120)) } " " (verb)
        @for code in &change.codes { " · " (clipped(code, 60)) }
        @if let Some(place) = place(change) { " · " span.place { (place) } }
    }
}

/// Class and sign of a contract; the class is also its name.
pub(super) const fn severity(contract: Contract) -> (&'static str, &'static str) {
    match contract {
        Contract::Breaking => ("breaking", "!"),
        Contract::NonBreaking => ("non-breaking", "✓"),
        Contract::Metadata => ("metadata", "·"),
    }
}

fn place(change: &Change) -> Option<String> {
    let range = change.range.as_ref()?;
    Some(clipped(&format!("{}:{}", range.filename, range.start.line), 200))
}

fn lines(change: &Change) -> Markup {
    let lines = difference::lines(change, true);
    let class = |line: &Line| match line.sign {
        Sign::Added => "added",
        Sign::Removed => "removed",
        Sign::Kept => "kept",
        Sign::Remark => "remark",
    };
    html! {
        @if lines.is_empty() {
            p.remark { "Its own definition stays as it is; what it reads changes." }
        } @else {
            div.difference role="group" aria-label="Definition before and after" {
                @for line in lines.iter().take(LINES) {
                    div class=(class(line)) { span.sign { (line.sign.as_char()) } (clipped(&line.text, CHARACTERS)) }
                }
                @if lines.len() > LINES { div.remark { "# " (lines.len() - LINES) " more lines" } }
            }
        }
    }
}

fn reader(service: &Affected) -> Markup {
    let reads: Vec<&str> =
        service.features.iter().filter_map(|name| name.split_once(':')).map(|(_, name)| name).collect();
    html! {
        code { (clipped(&service.address.to_string(), CHARACTERS)) }
        @if !reads.is_empty() { " (reads " (clipped(&reads.join(", "), CHARACTERS)) ")" }
        @if !service.consumers.is_empty() {
            " ← " span.consumers { (clipped(&service.consumers.join(", "), CHARACTERS)) }
        }
    }
}

/// How many are not shown.
fn more(count: usize, shown: usize, one: &str) -> Markup {
    html! { @if count > shown { dd.remark { "and " (count - shown) " more " (one) "s" } } }
}
