//! What can be unfolded: the lines of one change, with the work on its data, its readers and how to accept it.

use super::escape::{code, fence, html_code};
use super::table::{affected, data_work, first, listed};
use crate::plan::{Change, Contract};
use crate::view::difference;
use crate::view::visible::visible;
use crate::view::wording::{Risks, allow, verb};

/// Services that are named with one change.
const READERS: usize = 50;

/// The block of one change, after an empty line.
pub(super) fn details(change: &Change, risks: &Risks<'_>, verbose: bool) -> String {
    let (sign, verb) = verb(&change.actions);
    let mut block = format!(
        "\n<details><summary><code>{sign}</code> {} {verb}{}</summary>\n\n",
        html_code(&change.address.to_string()),
        about(change),
    );
    let lines: Vec<String> = difference::lines(change, verbose)
        .into_iter()
        .map(|line| format!("{} {}", line.sign.as_char(), visible(&line.text, false)))
        .collect();
    if lines.is_empty() {
        block.push_str("Its own definition stays as it is; what it reads changes.\n");
    } else {
        block.push_str(&fence("diff", &lines));
    }
    let accept = risks.get(&change.address).map_or(&[][..], Vec::as_slice);
    let items = [
        ("data", data_work(&change.data)),
        ("affects", first(&change.affects, READERS, affected)),
        ("accept with", listed(accept, |risk| code(&allow(risk, &change.address)))),
    ];
    let mut before = "\n";
    for (name, words) in items {
        for words in words {
            block.push_str(&format!("{before}- {name} {words}\n"));
            before = "";
        }
    }
    block.push_str("\n</details>\n");
    block
}

/// What the summary says beside the address: old address, contract, codes, place.
fn about(change: &Change) -> String {
    let mut words = String::new();
    if let Some(was) = &change.previous_address {
        words.push_str(&format!(" (was {})", html_code(&was.to_string())));
    }
    if change.contract == Contract::Breaking {
        words.push_str(" · <b>breaking</b>");
    }
    let codes: Vec<&String> = change.codes.iter().collect();
    if !codes.is_empty() {
        words.push_str(&format!(" · {}", listed(&codes, |code| html_code(code)).join(" ")));
    }
    if let Some(range) = &change.range {
        words.push_str(&format!(" · {}", html_code(&format!("{}:{}", range.filename, range.start.line))));
    }
    words
}
