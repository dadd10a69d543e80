//! From files to bodies. Most of the time of a large project goes here, so its blocks are shared out over the processors.

use std::cell::RefCell;

use super::share::{on_all_processors, shares};
use super::top_level::is_block;
use crate::check::Unread;
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::hcl::{Attribute, Body, ExpressionKind, Piece, parse_expression, parse_json, parse_piece, pieces};
use crate::model::ObjectKind;
use crate::source::{SourceFile, Sources, Span};

/// Less text than this, in bytes, is parsed faster by one thread than by two.
const ALONE: usize = 64 << 10;

/// What stands in one file.
pub(super) struct ParsedFile {
    pub(super) path: String,
    pub(super) body: Body,
}

/// Parses the files in the order of their paths, so that the first of two definitions is always the same one.
pub(super) fn parse(
    files: &[SourceFile],
    sources: &RefCell<Sources>,
    findings: &RefCell<Diagnostics>,
    unread: &mut Unread,
) -> Vec<ParsedFile> {
    let mut ordered: Vec<&SourceFile> = files.iter().collect();
    ordered.sort_by(|a, b| a.path.cmp(&b.path));
    let mut work: Vec<(usize, Piece<'_>)> = Vec::new();
    let mut parsed: Vec<ParsedFile> = Vec::new();
    for file in &ordered {
        let id = sources.borrow_mut().add((*file).clone());
        if let Some((at, reason)) = &file.problem {
            let character =
                file.text.get(*at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            let message = format!("this file cannot be read: {reason}");
            findings.borrow_mut().push(Diagnostic::error(
                codes::FILE,
                Span::new(id, *at..at + character),
                message,
            ));
            if file.text.is_empty() {
                unread.add_anything();
            }
            unread.add(&file.text);
            parsed.push(ParsedFile { path: file.path.clone(), body: Body::default() });
            continue;
        }
        if file.path.ends_with(".json") {
            let body = parse_json(id, &file.text).unwrap_or_else(|diagnostic| {
                let help = "the rest of the file is not looked at until this is mended";
                findings.borrow_mut().push(diagnostic.help(help));
                unread.add(&file.text);
                Body::default()
            });
            parsed.push(ParsedFile { path: file.path.clone(), body });
            continue;
        }
        work.extend(pieces(id, &file.text).map(|piece| (parsed.len(), piece)));
        parsed.push(ParsedFile { path: file.path.clone(), body: Body::default() });
    }
    let shares = shares(&work, ALONE, |(_, piece)| piece.len());
    let outcomes = on_all_processors(&shares, |share| {
        share.iter().map(|(file, piece)| (*file, piece.text, parse_piece(*piece))).collect::<Vec<_>>()
    });
    for (file, text, result) in outcomes.into_iter().flatten() {
        match result {
            Ok(body) => {
                parsed[file].body.attributes.extend(body.attributes);
                parsed[file].body.blocks.extend(body.blocks);
            }
            Err(diagnostic) => {
                findings.borrow_mut().push(*diagnostic);
                unread.add(text);
            }
        }
    }
    for (file, source) in parsed.iter().zip(&ordered) {
        divisions(&file.body, &source.text, findings);
    }
    for block in parsed.iter().flat_map(|file| &file.body.blocks).filter(|block| !is_block(&block.kind.text))
    {
        // It may be a misspelt one: what it would define is not missing.
        block.labels.iter().for_each(|label| unread.add(&label.text));
    }
    parsed
}

/// Says so where an expression of an on-demand view is followed by `//` and another value: that is a comment here, and a
/// division in Python.
fn divisions(body: &Body, text: &str, findings: &RefCell<Diagnostics>) {
    let views =
        body.blocks.iter().filter(|block| block.kind.text == ObjectKind::OnDemandFeatureView.as_str());
    let attributes = views.flat_map(|view| &view.body.blocks).flat_map(|feature| &feature.body.attributes);
    for Attribute { value, .. } in attributes.filter(|attribute| attribute.key.text == "expression") {
        let end = value.span.range().end;
        let Some(line) = text.get(end..).and_then(|rest| rest.lines().next()) else { continue };
        let Some(comment) = line.trim_start_matches([' ', '\t', ')']).strip_prefix("//") else { continue };
        let is_value = comment.len() < 80
            && parse_expression(value.span.source, comment.trim()).is_ok_and(|one| {
                let kind = &one.kind;
                !matches!(
                    kind,
                    ExpressionKind::Variable(_) | ExpressionKind::String(_) | ExpressionKind::Null
                )
            });
        if is_value {
            let begins = end + line.len() - comment.len() - 2;
            let message = "`//` begins a comment: what follows is no part of the expression";
            let span = Span::new(value.span.source, begins..end + line.trim_end().len());
            let diagnostic = Diagnostic::warning(codes::EXPRESSION, span, message);
            findings.borrow_mut().push(diagnostic.help("a division without remainder is `floor(a / b)`"));
        }
    }
}
