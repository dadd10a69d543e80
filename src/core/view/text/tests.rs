//! What a reader sees, as snapshots at a width of 100 columns.

use super::{Detail, Label, TextOptions, plan as text};
use crate::plan::Plan;
use crate::registry::Registry;
use crate::view::tests::{applied, fleet, planned};

fn shown(plan: &Plan, verbose: bool) -> String {
    text(
        plan,
        &TextOptions {
            detail: if verbose { Detail::Everything } else { Detail::Changes },
            ..TextOptions::default()
        },
    )
    .to_string()
}

#[test]
fn a_first_plan_creates_everything() {
    insta::assert_snapshot!(shown(&planned(fleet("float32", "d"), &Registry::default()), false));
}

#[test]
fn a_type_change_names_its_readers_and_its_work() {
    let registry = applied(fleet("float32", "d"));
    insta::assert_snapshot!(shown(&planned(fleet("string", "d"), &registry), false));
}

#[test]
fn a_plan_fits_narrow_and_wide_terminals() {
    let registry = applied(fleet("float32", "d"));
    let plan = planned(fleet("string", "d"), &registry);
    for width in [80, 200] {
        let shown = text(&plan, &TextOptions { width, ..TextOptions::default() }).to_string();
        insta::assert_snapshot!(format!("at_{width}_columns"), shown);
    }
}

#[test]
fn words_are_folded_and_shown_on_demand() {
    let plan = planned(fleet("float32", "a\u{1b}[31m new text"), &applied(fleet("float32", "d")));
    let folded = shown(&plan, false);
    assert!(folded.contains("1 metadata-only change hidden"), "{folded}");
    assert!(!folded.contains("description"), "{folded}");
    let verbose = shown(&plan, true);
    assert!(verbose.contains("description"), "{verbose}");
    assert!(!verbose.contains('\u{1b}'), "{verbose}");
}

#[test]
fn nothing_to_do_says_so() {
    let plan = planned(fleet("float32", "d"), &applied(fleet("float32", "d")));
    let shown = shown(&plan, false);
    assert!(
        shown.contains("No changes. The registry and the infrastructure match the definitions.\n"),
        "{shown}"
    );
    let labels: Vec<Label> = text(&plan, &TextOptions::default()).parts().map(|(label, _)| *label).collect();
    assert!(!labels.contains(&Label::Added) && !labels.contains(&Label::Breaking));
}

#[test]
fn a_concise_plan_has_a_line_for_each_change() {
    let plan = planned(fleet("float32", "d"), &Registry::default());
    let concise = text(&plan, &TextOptions { detail: Detail::Concise, ..TextOptions::default() }).to_string();
    assert!(concise.lines().count() < shown(&plan, false).lines().count());
    for change in &plan.changes {
        let lines = concise.lines().filter(|line| line.contains(&format!(" {} ", change.address)));
        assert_eq!(lines.count(), 1, "{concise}");
    }
    assert!(!concise.contains(" = "), "{concise}");
}
