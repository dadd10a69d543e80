//! The dependency graph of definitions as text for drawing programs: Graphviz's DOT and Mermaid. Edges go the way data
//! goes, from what is read to its reader. Names are quoted, so that no name is anything but a name to these programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::lineage::{self, Fate, Lineage, Look, State};
use crate::model::{Address, Object, ObjectKind, Objects};
use crate::plan::Plan;

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
    let mut drawing = Drawing::default();
    for (address, object) in &objects.0 {
        drawing.nodes.insert(node(address), Look::default());
        for reference in object.references().iter().filter(|reference| objects.get(reference).is_some()) {
            drawing.edges.insert((node(reference), node(address)), Fate::Kept);
        }
        if let Object::FeatureService(service) = object {
            for name in &service.consumers {
                let consumer = consumer(&name.name);
                drawing.nodes.insert(consumer.clone(), Look::default());
                drawing.edges.insert((node(address), consumer), Fate::Kept);
            }
        }
    }
    drawing.text(language)
}

/// What a plan touches and who notices, in colours and signs: red `!` breaking, yellow `→` affected, green not breaking.
pub fn lineage(plan: &Plan, language: Language) -> String {
    let lineage = Lineage::whole(plan);
    let name = |node: &lineage::Node| match node {
        lineage::Node::Object(address) => self::node(address),
        lineage::Node::Consumer(name) => consumer(name),
    };
    Drawing {
        nodes: lineage.nodes.iter().map(|(node, look)| (name(node), *look)).collect(),
        edges: lineage.edges.iter().map(|((from, to), fate)| ((name(from), name(to)), *fate)).collect(),
    }
    .text(language)
}

/// A node's rank and what it says: kind and name.
type Name = (u8, String);

#[derive(Default)]
struct Drawing {
    nodes: BTreeMap<Name, Look>,
    edges: BTreeMap<(Name, Name), Fate>,
}

impl Drawing {
    fn text(&self, language: Language) -> String {
        let numbers: BTreeMap<&Name, usize> = self.nodes.keys().zip(0..).collect();
        let mut text = String::from(match language {
            Language::Dot => "digraph provender {\n  rankdir = LR;\n  node [shape = box];\n",
            Language::Mermaid => "flowchart LR\n",
        });
        for ((name, look), number) in self.nodes.iter().zip(0..) {
            let _ = match language {
                Language::Dot => writeln!(text, "  n{number} [{}];", dot_node(&name.1, *look)),
                Language::Mermaid => {
                    writeln!(text, "  n{number}[\"{}\"]{}", mermaid_label(&name.1, *look), class(*look))
                }
            };
        }
        for ((from, to), fate) in &self.edges {
            let [from, to] = [from, to].map(|name| numbers.get(name).copied().unwrap_or_default());
            let _ = match (language, fate) {
                (Language::Dot, Fate::Kept) => writeln!(text, "  n{from} -> n{to};"),
                (Language::Dot, Fate::Added) => {
                    writeln!(text, "  n{from} -> n{to} [color = green, label = \"+\"];")
                }
                (Language::Dot, Fate::Removed) => {
                    writeln!(text, "  n{from} -> n{to} [color = red, style = dashed, label = \"-\"];")
                }
                (Language::Mermaid, Fate::Kept) => writeln!(text, "  n{from} --> n{to}"),
                (Language::Mermaid, Fate::Added) => writeln!(text, "  n{from} -- #43; --> n{to}"),
                (Language::Mermaid, Fate::Removed) => writeln!(text, "  n{from} -. #45; .-> n{to}"),
            };
        }
        match language {
            Language::Dot => text.push_str("}\n"),
            Language::Mermaid => {
                for (state, name, colour) in STATES {
                    if self.nodes.values().any(|look| look.state == state) {
                        let _ = writeln!(text, "  classDef {name} fill:{colour},color:#000000");
                    }
                }
            }
        }
        text
    }
}

/// Colours that a plan gives, with the words of a drawing.
const STATES: [(State, &str, &str); 4] = [
    (State::Breaking, "breaking", "#ffb3b3"),
    (State::Affected, "affected", "#ffe0a3"),
    (State::NonBreaking, "non_breaking", "#b8e6b8"),
    (State::Metadata, "metadata", "#e0e0e0"),
];

/// Colour and word of a state; none for what stays as it is.
fn state_of(look: Look) -> Option<(&'static str, &'static str)> {
    STATES.iter().find(|(state, ..)| *state == look.state).map(|(_, name, colour)| (*name, *colour))
}

/// The sign of the change in front, and what it means behind.
fn labelled(label: &str, look: Look) -> String {
    let sign = if look.sign.is_empty() { String::new() } else { format!("{} ", look.sign) };
    let meaning = state_of(look).map(|(name, _)| format!("\n{}", name.replace('_', "-"))).unwrap_or_default();
    format!("{sign}{label}{meaning}")
}

fn dot_node(label: &str, look: Look) -> String {
    let style = state_of(look)
        .map(|(_, colour)| format!(", style = filled, fillcolor = \"{colour}\""))
        .unwrap_or_default();
    format!("label = \"{}\"{style}", in_dot(&labelled(label, look)))
}

fn mermaid_label(label: &str, look: Look) -> String {
    in_mermaid(&labelled(label, look))
}

fn class(look: Look) -> String {
    state_of(look).map(|(name, _)| format!(":::{name}")).unwrap_or_default()
}

/// After every kind of object.
const CONSUMER: u8 = u8::MAX;

fn consumer(name: &str) -> Name {
    (CONSUMER, format!("consumer\n{name}"))
}

fn node(address: &Address) -> Name {
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
