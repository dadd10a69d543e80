//! From the YAML tree to an [`Environment`], with a finding for everything that cannot be.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::super::yaml::{self, Data, Entry, Node};
use super::{Environment, RegistrySettings, Setting, is_host_and_port, keys, stores, without_secrets};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, codes, suggestion};
use crate::model::StoreSettings;
use crate::plan::Gate;
use crate::source::{SourceId, Sources, Span};
use crate::time::Duration;

pub(super) const DEFAULT_CACHE_TTL: Duration = Duration::from_seconds(60);

pub(super) fn read(sources: &Sources) -> (Option<Environment>, Diagnostics) {
    let mut reader = Reader { diagnostics: Diagnostics::default() };
    let environment = match yaml::parse(sources, SourceId::default()) {
        Ok(Some(Node { data: Data::Map(entries), .. })) => Some(reader.environment(entries, sources)),
        Ok(_) => {
            let start = Span::new(SourceId::default(), 0..0);
            let help = "it begins with `project: NAME` and `provider: local`";
            reader.push(Diagnostic::error(codes::YAML, start, "the file is not a map of keys").help(help));
            None
        }
        Err(diagnostic) => {
            reader.push(*diagnostic);
            None
        }
    };
    (environment, reader.diagnostics)
}

struct Reader {
    diagnostics: Diagnostics,
}

impl Reader {
    fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::error(code, span, message));
    }

    fn environment(&mut self, entries: Vec<Entry>, sources: &Sources) -> Environment {
        self.reject_unknown(&entries, &keys::TOP, keys::note_on_feast);
        let mut top: BTreeMap<String, Entry> =
            entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
        let mut take = |key: &str| top.remove(key).map(|entry| entry.value);
        let project = take("project");
        let provider = take("provider");
        let registry = take("registry");
        let online = take("online_store");
        let offline = take("offline_store");
        let variables = take("variables");
        let gates = take("gates");
        let metrics = take("metrics");
        let authentication = take("auth");
        let keep_superseded = take("keep_superseded");

        let provider = self.provider(provider);
        let (default_online, default_offline) = stores::defaults(&provider);
        let registry = self.registry(registry);
        let twice = registry.cache_ttl.as_nanos().checked_mul(2).and_then(Duration::from_nanos);
        Environment {
            file: without_secrets(sources.file(SourceId::default())),
            project: self.project(project),
            online_store: match online {
                None => Some(store_of(default_online)),
                Some(node) => self.store(node, stores::online, &stores::ONLINE, default_online),
            },
            offline_store: offline
                .and_then(|node| self.store(node, stores::offline, &stores::OFFLINE, default_offline))
                .unwrap_or_else(|| store_of(default_offline)),
            variables: self.variables(variables),
            gates: self.gates(gates),
            metrics: self.metrics(metrics),
            authentication: authentication.map(|node| self.settings("auth", node)).unwrap_or_default(),
            keep_superseded: keep_superseded
                .and_then(|node| self.duration("keep_superseded", &node))
                .or(twice)
                .unwrap_or(DEFAULT_CACHE_TTL),
            registry,
            provider,
        }
    }

    fn reject_unknown(
        &mut self,
        entries: &[Entry],
        known: &[&'static str],
        note: fn(&str) -> Option<&'static str>,
    ) {
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let diagnostic = match note(&entry.key) {
                Some(note) => {
                    let message = format!("`{}` is a key of Feast's that means nothing here", entry.key);
                    Diagnostic::error(codes::YAML_FEAST, entry.key_span, message).help(note)
                }
                None => {
                    let message = format!("there is no key `{}`", entry.key);
                    Diagnostic::error(codes::YAML_KEY, entry.key_span, message)
                        .maybe_help(suggestion(&entry.key, known.iter().copied()))
                }
            };
            self.push(diagnostic);
        }
    }

    fn missing(&mut self, key: &str, help: &str) {
        // A key that is misspelt is one mistake.
        let is_misspelt = |finding: &Diagnostic| {
            finding.code == codes::YAML_KEY
                && finding.help.iter().any(|help| help == &format!("did you mean `{key}`?"))
        };
        if self.diagnostics.iter().any(is_misspelt) {
            return;
        }
        let message = format!("`{}` has no `{key}`", super::FILE_NAME);
        let start = Span::new(SourceId::default(), 0..0);
        self.push(Diagnostic::error(codes::YAML_MISSING, start, message).help(help));
    }

    fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        let text = node.text().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.error(codes::YAML_VALUE, node.span, format!("`{key}` must be text, not {}", node.kind()));
        }
        text
    }

    fn project(&mut self, node: Option<Node>) -> String {
        let Some(node) = node else {
            self.missing("project", "add a line such as `project: my_project`");
            return String::new();
        };
        let Some(name) = self.text("project", &node) else { return String::new() };
        if !crate::check::is_name(&name) {
            let message = format!("`{name}` cannot be the name of a project");
            let help = "a name begins with a letter or `_`, goes on with letters, digits and `_`, without `__`, and has at most 63 of them";
            self.push(Diagnostic::error(codes::NAME, node.span, message).help(help));
        }
        name
    }

    fn provider(&mut self, node: Option<Node>) -> String {
        let Some(node) = node else {
            self.missing("provider", "add a line such as `provider: local` (or `gcp`, `aws`)");
            return "local".to_owned();
        };
        let Some(name) = self.text("provider", &node) else { return "local".to_owned() };
        if !keys::PROVIDERS.contains(&name.as_str()) {
            let diagnostic =
                Diagnostic::error(codes::YAML_VALUE, node.span, format!("there is no provider `{name}`"));
            self.push(diagnostic.maybe_help(suggestion(&name, keys::PROVIDERS)));
        }
        name
    }

    fn registry(&mut self, node: Option<Node>) -> RegistrySettings {
        let mut settings = RegistrySettings {
            path: String::new(),
            cache_ttl: DEFAULT_CACHE_TTL,
            endpoint: None,
            region: None,
        };
        let Some(node) = node else {
            self.missing("registry", "add a line such as `registry: data/registry`");
            return settings;
        };
        let Data::Map(entries) = &node.data else {
            settings.path = self.text("registry", &node).unwrap_or_default();
            return settings;
        };
        self.reject_unknown(entries, &keys::REGISTRY, keys::note_on_feast_registry);
        if !entries.iter().any(|entry| entry.key == "path") {
            self.error(codes::YAML_MISSING, node.span, "`registry` has no `path`");
        }
        for Entry { key, value, .. } in entries {
            match key.as_str() {
                "path" => settings.path = self.text(key, value).unwrap_or_default(),
                "endpoint" => settings.endpoint = self.text(key, value),
                "region" => settings.region = self.text(key, value),
                "cache_ttl_seconds" => {
                    let seconds = value.text().and_then(|text| text.parse::<u32>().ok());
                    match seconds {
                        Some(seconds) => settings.cache_ttl = Duration::from_seconds(seconds),
                        None => self.error(
                            codes::YAML_VALUE,
                            value.span,
                            "`cache_ttl_seconds` must be a whole number of seconds",
                        ),
                    }
                }
                _ => {}
            }
        }
        settings
    }

    /// A store; none for `type: null` and for one that cannot be.
    fn store(
        &mut self,
        node: Node,
        kind_of: fn(&str) -> Option<stores::Kind>,
        known: &[&'static str],
        default: &'static str,
    ) -> Option<StoreSettings> {
        let span = node.span;
        let entries = match node.data {
            Data::Map(entries) => entries,
            // `online_store: redis` and `online_store: null` name the kind alone.
            Data::String(_) | Data::Null => {
                let kind = Node { span: node.span, data: node.data };
                vec![Entry { key: "type".to_owned(), key_span: node.span, value: kind }]
            }
            _ => {
                let message =
                    format!("a store must be a map such as `{{ type: {default} }}`, not {}", node.kind());
                self.error(codes::YAML_VALUE, node.span, message);
                return None;
            }
        };
        let kind = match entries.iter().find(|entry| entry.key == "type") {
            None => default,
            Some(Entry { value, .. }) => {
                let name = if matches!(value.data, Data::Null) {
                    "null".to_owned()
                } else {
                    self.text("type", value)?
                };
                match kind_of(&name) {
                    Some(stores::Kind::Store(kind)) => kind,
                    Some(stores::Kind::Nothing) => return None,
                    Some(stores::Kind::Absent(note)) => {
                        let message = format!("`{name}` is a store of Feast's that is not here");
                        self.push(Diagnostic::error(codes::YAML_FEAST, value.span, message).help(note));
                        return None;
                    }
                    None => {
                        let message = format!("there is no store `{name}` for this");
                        let diagnostic = Diagnostic::error(codes::YAML_VALUE, value.span, message);
                        self.push(diagnostic.maybe_help(suggestion(&name, known.iter().copied())));
                        return None;
                    }
                }
            }
        };
        let entries: Vec<Entry> = entries.into_iter().filter(|entry| entry.key != "type").collect();
        self.check_settings(kind, &entries, span);
        Some(StoreSettings { kind: kind.to_owned(), settings: self.flatten(kind, entries) })
    }

    fn check_settings(&mut self, kind: &str, entries: &[Entry], store: Span) {
        let Some(known) = stores::settings(kind) else { return };
        let setting = |name: &str| entries.iter().find(|entry| entry.key == name)?.value.text();
        if let Some(message) = stores::conflict(kind, setting) {
            self.error(codes::YAML_VALUE, store, message);
        }
        for entry in entries {
            if let Some((name, takes, _)) = known.iter().find(|(name, ..)| *name == entry.key) {
                if let Some(wanted) = entry.value.text().and_then(|text| takes.refuses(&text)) {
                    let message = format!("`{name}` of the store `{kind}` takes {wanted}");
                    self.error(codes::YAML_VALUE, entry.value.span, message);
                }
                continue;
            }
            let diagnostic = if let Some(note) = stores::note_on_feast(kind, &entry.key) {
                let message = format!("`{}` is a key of Feast's that means nothing here", entry.key);
                Diagnostic::error(codes::YAML_FEAST, entry.key_span, message).help(note)
            } else {
                let message = format!("the store `{kind}` has no setting `{}`", entry.key);
                Diagnostic::error(codes::YAML_KEY, entry.key_span, message)
                    .maybe_help(suggestion(&entry.key, known.iter().map(|(name, ..)| *name)))
            };
            self.push(diagnostic);
        }
    }

    fn settings(&mut self, key: &str, node: Node) -> BTreeMap<String, String> {
        match node.data {
            Data::Map(entries) => self.flatten(key, entries),
            _ => {
                self.error(
                    codes::YAML_VALUE,
                    node.span,
                    format!("`{key}` must be a map, not {}", node.kind()),
                );
                BTreeMap::new()
            }
        }
    }

    fn flatten(&mut self, of: &str, entries: Vec<Entry>) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        for Entry { key, value, .. } in entries {
            let is_map = stores::settings(of).is_some_and(|known| {
                known.iter().any(|(name, takes, _)| *name == key && *takes == stores::Takes::Map)
            });
            if let (true, Data::Map(entries)) = (is_map, &value.data) {
                for entry in entries {
                    if ["aws:", "provender:"].iter().any(|ours| entry.key.starts_with(ours)) {
                        let message = format!("`{}` of `{key}` is not yours to set", entry.key);
                        let diagnostic = Diagnostic::error(codes::YAML_VALUE, entry.key_span, message);
                        self.push(diagnostic.help("names that begin with `aws:` or `provender:` are taken"));
                        continue;
                    }
                    match entry.value.text().filter(|text| !text.contains("${")) {
                        Some(text) => drop(settings.insert(format!("{key}.{}", entry.key), text)),
                        None => {
                            let message = format!(
                                "`{}` of `{key}` must be text, without `${{NAME}}`: plans show it",
                                entry.key
                            );
                            self.error(codes::YAML_VALUE, entry.value.span, message);
                        }
                    }
                }
            } else if let Some(text) = value.text().filter(|_| !is_map) {
                settings.insert(key, text);
            } else if is_map {
                let message = format!("`{key}` of `{of}` must be a map of texts, not {}", value.kind());
                self.error(codes::YAML_VALUE, value.span, message);
            } else {
                let message = format!("`{key}` of `{of}` must be text or a number, not {}", value.kind());
                self.error(codes::YAML_VALUE, value.span, message);
            }
        }
        settings
    }

    fn metrics(&mut self, node: Option<Node>) -> BTreeMap<String, String> {
        let Some(node) = node else { return BTreeMap::new() };
        if let Data::Map(entries) = &node.data {
            self.reject_unknown(entries, &keys::METRICS, |_| None);
            self.collector(entries);
        }
        self.settings("metrics", node)
    }

    /// A place that is put together from the environment is looked at when it is used.
    fn collector(&mut self, entries: &[Entry]) {
        for Entry { key, value, .. } in entries {
            let Some(text) = value.text().filter(|text| !text.contains("${")) else { continue };
            match key.as_str() {
                "statsd" if !is_host_and_port(&text) => {
                    let message = format!("`{text}` is no place of a StatsD server");
                    let help = "write `HOST:PORT`, such as `127.0.0.1:8125`";
                    self.push(Diagnostic::error(codes::YAML_VALUE, value.span, message).help(help));
                }
                "statsd_tags" if !keys::STATSD_TAGS.contains(&text.as_str()) => {
                    let message = format!("`{text}` is no way of tagging");
                    let diagnostic = Diagnostic::error(codes::YAML_VALUE, value.span, message)
                        .help("it is `none` or `dogstatsd`");
                    self.push(diagnostic.maybe_help(suggestion(&text, keys::STATSD_TAGS)));
                }
                _ => {}
            }
        }
    }

    fn gates(&mut self, node: Option<Node>) -> BTreeSet<Gate> {
        let Some(node) = node else { return BTreeSet::new() };
        let Data::List(elements) = &node.data else {
            self.error(
                codes::YAML_VALUE,
                node.span,
                format!("`gates` must be a list such as `[breaking]`, not {}", node.kind()),
            );
            return BTreeSet::new();
        };
        let mut gates = BTreeSet::new();
        for element in elements {
            let Some(name) = self.text("gates", element) else { continue };
            match name.parse::<Gate>() {
                Ok(gate) => drop(gates.insert(gate)),
                Err(error) => {
                    let diagnostic = Diagnostic::error(codes::YAML_VALUE, element.span, error.to_string());
                    self.push(diagnostic.maybe_help(suggestion(&name, Gate::ALL.map(Gate::as_str))));
                }
            }
        }
        gates
    }

    fn variables(&mut self, node: Option<Node>) -> BTreeMap<String, Setting> {
        let Some(node) = node else { return BTreeMap::new() };
        match node.data {
            Data::Map(entries) => entries.into_iter().map(setting).collect(),
            _ => {
                self.error(
                    codes::YAML_VALUE,
                    node.span,
                    format!("`variables` must be a map of names and values, not {}", node.kind()),
                );
                BTreeMap::new()
            }
        }
    }

    fn duration(&mut self, key: &str, node: &Node) -> Option<Duration> {
        let text = self.text(key, node)?;
        let parsed = text.parse::<Duration>();
        if let Err(error) = &parsed {
            let help = match Duration::meant(&text) {
                Some(meant) => format!("write `{meant}`"),
                None => Duration::advice(&text),
            };
            self.push(Diagnostic::error(codes::DURATION, node.span, error.to_string()).help(help));
        }
        parsed.ok()
    }
}

fn setting(entry: Entry) -> (String, Setting) {
    let span = entry.value.span;
    (entry.key, Setting { value: json(entry.value), key: entry.key_span, span })
}

fn store_of(kind: &str) -> StoreSettings {
    StoreSettings { kind: kind.to_owned(), settings: BTreeMap::new() }
}

fn json(node: Node) -> Json {
    match node.data {
        Data::Null => Json::Null,
        Data::Bool(value) => Json::Bool(value),
        Data::Number(text) => {
            serde_json::from_str::<serde_json::Number>(&text).map_or(Json::String(text), Json::Number)
        }
        Data::String(text) => Json::String(text),
        Data::List(elements) => Json::Array(elements.into_iter().map(json).collect()),
        Data::Map(entries) => {
            Json::Object(entries.into_iter().map(|entry| (entry.key, json(entry.value))).collect())
        }
    }
}
