//! The dependency graph of definitions as text for drawing programs: Graphviz's DOT and Mermaid. Edges go the way data
//! goes, from what is read to its reader. Names are quoted, so that no name is anything but a name to these programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::model::{Address, Object, ObjectKind, Objects};

/// A language of drawings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Graphviz.
    Dot,
    /// Mermaid, which GitHub draws in Markdown.
    Mermaid,
}

/// Every object, its consumers, and who reads whom.
pub fn graph(objects: &Objects, language: Language) -> String {
    let mut nodes: BTreeMap<(u8, String), usize> = BTreeMap::new();
    let mut edges: BTreeSet<((u8, String), (u8, String))> = BTreeSet::new();
    for (address, object) in &objects.0 {
        nodes.insert(node(address), 0);
        for reference in object.references().iter().filter(|reference| objects.get(reference).is_some()) {
            edges.insert((node(reference), node(address)));
        }
        if let Object::FeatureService(service) = object {
            for consumer in &service.consumers {
                let consumer = (CONSUMER, format!("consumer\n{}", consumer.name));
                nodes.insert(consumer.clone(), 0);
                edges.insert((node(address), consumer));
            }
        }
    }
    for (number, (_, position)) in nodes.iter_mut().enumerate() {
        *position = number;
    }
    let mut text = String::from(match language {
        Language::Dot => "digraph provender {\n  rankdir = LR;\n  node [shape = box];\n",
        Language::Mermaid => "flowchart LR\n",
    });
    for ((_, label), number) in &nodes {
        let _ = match language {
            Language::Dot => writeln!(text, "  n{number} [label = \"{}\"];", in_dot(label)),
            Language::Mermaid => writeln!(text, "  n{number}[\"{}\"]", in_mermaid(label)),
        };
    }
    for (from, to) in &edges {
        let numbers =
            (nodes.get(from).copied().unwrap_or_default(), nodes.get(to).copied().unwrap_or_default());
        let _ = match language {
            Language::Dot => writeln!(text, "  n{} -> n{};", numbers.0, numbers.1),
            Language::Mermaid => writeln!(text, "  n{} --> n{}", numbers.0, numbers.1),
        };
    }
    if language == Language::Dot {
        text.push_str("}\n");
    }
    text
}

/// After every kind of object.
const CONSUMER: u8 = u8::MAX;

/// A node's rank and what it says: kind and name.
fn node(address: &Address) -> (u8, String) {
    let rank = ObjectKind::ALL.iter().position(|kind| *kind == address.kind).unwrap_or_default();
    (u8::try_from(rank).unwrap_or_default(), format!("{}\n{}", address.kind, address.name))
}

fn in_dot(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// As HTML, which Mermaid's labels are.
fn in_mermaid(label: &str) -> String {
    let mut safe = String::new();
    for character in label.chars() {
        match character {
            '\n' => safe.push_str("<br/>"),
            one if one.is_alphanumeric() || "_- ".contains(one) => safe.push(one),
            other => {
                let _ = write!(safe, "#{};", u32::from(other));
            }
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::market;

    #[test]
    fn data_flows_to_its_readers() {
        let dot = graph(&market(false), Language::Dot);
        let mermaid = graph(&market(false), Language::Mermaid);
        let number = |label: &str| {
            let line = dot.lines().find(|line| line.contains(&format!("\"{label}\""))).unwrap();
            line.trim().split(' ').next().unwrap().to_owned()
        };
        let (source, view) = (number("data_source\\nprice_list"), number("feature_view\\nprices"));
        assert!(dot.contains(&format!("  {source} -> {view};\n")), "{dot}");
        assert!(mermaid.contains(&format!("  {source} --> {view}\n")), "{mermaid}");
        assert!(mermaid.contains("[\"consumer<br/>"), "{mermaid}");
        assert_eq!(dot.matches("->").count(), mermaid.matches("-->").count());
    }

    #[test]
    fn a_hostile_name_stays_a_name() {
        assert_eq!(in_dot("a\"]; b -> c\\"), "a\\\"]; b -> c\\\\");
        assert_eq!(in_mermaid("a\"]<script>"), "a#34;#93;#60;script#62;");
    }
}
