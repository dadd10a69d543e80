//! Rendering of odd source text.

use super::*;
use crate::source::{SourceFile, Sources};

const OPTIONS: RenderOptions = RenderOptions { styled: false, width: 100 };

fn show(text: &str, range: std::ops::Range<usize>) -> String {
    let mut sources = Sources::default();
    let id = sources.add(SourceFile::new("a/b.hcl", text));
    let mut diagnostics = Diagnostics::default();
    diagnostics.push(
        Diagnostic::error(codes::SYNTAX, Span::new(id, range), "it is wrong").label("here").help("mend it"),
    );
    render(&diagnostics, &sources, &OPTIONS)
}

#[test]
fn a_span_is_underlined() {
    let text = show("one = 1\r\n\ttwo = ä + b\r\nthree = 3\r\n", 16..22);
    assert_eq!(
        text,
        "\
error[PD001]: it is wrong
 --> a/b.hcl:2:8
  |
2 |  two = ä + b
  |        ^^^^^ here
  |
  = help: mend it

"
    );
}

#[test]
fn a_long_line_is_cut_around_the_span() {
    let text = format!("a = \"{}\" bad {}", "x".repeat(1 << 20), "y".repeat(1 << 20));
    let at = text.find("bad").unwrap();
    let shown = show(&text, at..at + 3);
    assert!(shown.len() < 1000, "{} bytes", shown.len());
    assert!(shown.contains("bad") && shown.contains("^^^ here"), "{shown}");
    assert!(shown.contains(&format!("a/b.hcl:1:{}\n  |\n1 | …", at + 1)), "{shown}");
    let mut sources = Sources::default();
    let id = sources.add(SourceFile::new("a/b.hcl", text));
    let mut diagnostics = Diagnostics::default();
    diagnostics.push(Diagnostic::error(codes::SYNTAX, Span::new(id, at..at + 3), "it is wrong"));
    let styled = render(&diagnostics, &sources, &RenderOptions { styled: true, ..OPTIONS });
    assert!(styled.contains("\u{1b}[") && !styled.contains(":::"), "{styled}");
}

#[test]
fn source_text_cannot_steer_a_terminal() {
    let shown = show("a = \"\u{1b}[31mred\u{7}\u{9b}\u{202e}\" \u{0}", 4..9);
    let raw = shown.chars().find(|character| character.is_control() && *character != '\n');
    assert_eq!(raw, None, "{shown:?}");
    assert!(!shown.contains('\u{202e}'));
    let message = Diagnostic::unplaced(codes::SYNTAX, "bad \u{1b}]0;title\u{7}").help("\u{9b}2J");
    let mut diagnostics = Diagnostics::default();
    diagnostics.push(message);
    let shown = render(&diagnostics, &Sources::default(), &OPTIONS);
    assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{shown:?}");
}

#[test]
fn near_names_are_suggested_else_the_known_ones() {
    let known = ["driver", "drivers", "city"];
    assert_eq!(suggestion("drivr", known).as_deref(), Some("did you mean `driver` or `drivers`?"));
    assert_eq!(suggestion("DRIVER", ["driver"]).as_deref(), Some("did you mean `driver`?"));
    assert_eq!(suggestion("passenger", known).as_deref(), Some("known: `city`, `driver` and `drivers`"));
    assert_eq!(suggestion("x", []), None);
    assert_eq!(nearest("len", ["can", "log", "min", "lend"]), ["lend"]);
    assert_eq!(nearest("nothing", ["string", "nothings"]), ["nothings"]);
    assert_eq!(nearest("entities", ["entity"]), ["entity"]);
    assert_eq!(nearest("cluster", ["cluster_id", "user", "clusters"]), ["clusters", "cluster_id"]);
    assert_eq!(nearest(&"x".repeat(1 << 20), known), Vec::<&str>::new());
}

#[test]
fn json_has_places_of_both_ends() {
    let mut sources = Sources::default();
    let id = sources.add(SourceFile::new("a.hcl", "one\n\u{e4} two\n"));
    let mut diagnostics = Diagnostics::default();
    let second = Diagnostic::error(codes::DUPLICATE, Span::new(id, 7..10), "twice").help("rename it");
    diagnostics.push(second.also(Span::new(id, 0..3), "the first"));
    let json = serde_json::to_value(to_json(&diagnostics, &sources)).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "format_version": "1.0",
            "valid": false,
            "error_count": 1,
            "warning_count": 0,
            "diagnostics": [{
                "severity": "error",
                "code": "PD011",
                "summary": "twice",
                "detail": "rename it",
                "range": {
                    "filename": "a.hcl",
                    "start": { "line": 2, "column": 3, "byte": 7 },
                    "end": { "line": 2, "column": 6, "byte": 10 }
                },
                "snippet": {
                    "code": "\u{e4} two",
                    "start_line": 2,
                    "highlight_start_offset": 3,
                    "highlight_end_offset": 6,
                    "values": []
                },
                "related": [{
                    "range": {
                        "filename": "a.hcl",
                        "start": { "line": 1, "column": 1, "byte": 0 },
                        "end": { "line": 1, "column": 4, "byte": 3 }
                    },
                    "message": "the first"
                }]
            }]
        })
    );
}

#[test]
fn findings_are_ordered_by_file_and_offset() {
    let mut sources = Sources::default();
    let first = sources.add(SourceFile::new("a.hcl", "abc"));
    let second = sources.add(SourceFile::new("b.hcl", "abc"));
    let mut diagnostics = Diagnostics::default();
    for (source, offset) in [(second, 0), (first, 2), (first, 1), (first, 1)] {
        diagnostics.push(Diagnostic::error(codes::NAME, Span::new(source, offset..offset + 1), "x"));
    }
    diagnostics.sort();
    let places: Vec<_> = diagnostics.iter().map(|found| found.primary.as_ref().unwrap().span.start).collect();
    assert_eq!(places, [1, 2, 0]);
}
