//! Feature services: the features they select exist, and every output name is given once.

use std::collections::{BTreeMap, BTreeSet};

use super::Definitions;
use crate::diagnostic::{Diagnostic, Diagnostics, codes, suggestion};
use crate::model::{
    Address, Asker, FeatureService, FeatureView, Object, ObjectKind, SentValue, ServiceUse, ValueType, member,
};
use crate::source::{Origin, Place, Span};

pub(super) fn check(definitions: &Definitions, findings: &mut Diagnostics) {
    for (address, object) in &definitions.objects.0 {
        let Object::FeatureService(service) = object else { continue };
        let Some(origin) = definitions.origins.get(address) else { continue };
        let mut rule =
            Rule { definitions, origin, findings, outputs: BTreeMap::new(), collided: BTreeSet::new() };
        rule.selections(service);
        rule.uses(service);
        rule.consumers(service);
        rule.requests(service);
    }
}

struct Rule<'a> {
    definitions: &'a Definitions,
    origin: &'a Origin,
    findings: &'a mut Diagnostics,
    /// Output name → where it comes from.
    outputs: BTreeMap<String, Span>,
    /// Selections with a finding already: a whole view collides but once.
    collided: BTreeSet<Span>,
}

impl Rule<'_> {
    fn selections(&mut self, service: &FeatureService) {
        for (position, selection) in service.features.iter().enumerate() {
            let span = self.origin.span(Place::element("features", position));
            // What a wrong reference would give is not known.
            let address = selection.address();
            if self.definitions.objects.get(&address).is_none() || self.definitions.told.contains(&span) {
                continue;
            }
            let Some(features) = self.definitions.objects.features_of(&selection.view) else { continue };
            match &selection.feature {
                Some(feature) => {
                    if self.exists(&address, &features, feature, span) {
                        self.output(feature.clone(), span);
                    }
                }
                None => {
                    for feature in features {
                        self.output(feature.to_owned(), span);
                    }
                }
            }
        }
    }

    fn uses(&mut self, service: &FeatureService) {
        let mut names: BTreeMap<String, Span> = BTreeMap::new();
        for (position, used) in service.uses.iter().enumerate() {
            let place = Place::block("use", position);
            let span = self.origin.span(place);
            if let Some(first) = names.insert(used.name.to_lowercase(), span) {
                let message = format!("two `use` blocks are named `{}`", used.name);
                self.findings
                    .push(Diagnostic::error(codes::DUPLICATE, span, message).also(first, "the first"));
                // That its features have the names of the other's follows from it.
                continue;
            }
            let Some(view) = self.definitions.objects.feature_view(&used.view) else { continue };
            if self.definitions.told.contains(&self.origin.span(place.at("view"))) {
                continue;
            }
            self.join_keys(used, view, place);
            match &used.features {
                None => {
                    for feature in &view.features {
                        self.output(format!("{}__{}", used.name, feature.name), span);
                    }
                }
                Some(features) => {
                    let known: Vec<&str> =
                        view.features.iter().map(|feature| feature.name.as_str()).collect();
                    let address = Address::new(ObjectKind::FeatureView, &used.view);
                    for (element, feature) in features.iter().enumerate() {
                        let span = self.origin.span(place.at("features").nth(element));
                        if self.exists(&address, &known, feature, span) {
                            self.output(format!("{}__{feature}", used.name), span);
                        }
                    }
                }
            }
        }
    }

    fn join_keys(&mut self, used: &ServiceUse, view: &FeatureView, place: Place) {
        let entities: Option<Vec<_>> =
            view.entities.iter().map(|name| self.definitions.objects.entity(name)).collect();
        // An entity that could not be read may have any key.
        let Some(entities) = entities else { return };
        let keys: Vec<&str> = entities.iter().map(|entity| entity.join_key.as_str()).collect();
        for key in used.join_keys.keys().filter(|key| !keys.contains(&key.as_str())) {
            let message = format!("the feature view `{}` has no join key `{key}`", used.view);
            let span = self.origin.span(place.at("join_keys"));
            let diagnostic = Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message);
            self.findings.push(diagnostic.maybe_help(suggestion(key, keys.iter().copied())));
        }
    }

    fn exists(&mut self, view: &Address, known: &[&str], feature: &str, span: Span) -> bool {
        if known.contains(&feature) {
            return true;
        }
        if self.definitions.may_have_feature(view, feature) {
            return false;
        }
        if self.definitions.origin(view).leaves_out(feature) {
            self.findings.push(super::reference::left_out(&format!("{view}{}", member(feature)), span));
            return false;
        }
        let message = format!("the feature view `{}` has no feature `{feature}`", view.name);
        let mut diagnostic = Diagnostic::error(codes::UNKNOWN_REFERENCE, span, message);
        if let Some(place) = self.definitions.declaration(view) {
            diagnostic = diagnostic.also(place, "the view");
        }
        self.findings.push(diagnostic.maybe_help(suggestion(feature, known.iter().copied())));
        false
    }

    fn output(&mut self, name: String, span: Span) {
        let Some(first) = self.outputs.get(&name).copied() else {
            self.outputs.insert(name, span);
            return;
        };
        // A feature that its view defines twice is that view's mistake.
        if first == span || !self.collided.insert(span) {
            return;
        }
        let message = format!("two features of this service have the output name `{name}`");
        let diagnostic = Diagnostic::error(codes::COLLISION, span, message).also(first, "the first");
        self.findings.push(
            diagnostic.help("take one of them by a `use` block: its features are named `<use>__<feature>`"),
        );
    }

    /// What a request must send has one type for each name, and no name of a result.
    fn requests(&mut self, service: &FeatureService) {
        let mut sent: BTreeMap<String, (ValueType, Span)> = BTreeMap::new();
        let mut told: BTreeSet<String> = BTreeSet::new();
        for SentValue { name, value_type, asker } in service.sent_values(&self.definitions.objects) {
            let span = self.origin.span(match asker {
                Asker::Selection(position) => Place::element("features", position),
                Asker::Use(position) => Place::block("use", position),
            });
            // A feature that is named like the key of its own view is that view's mistake.
            let is_told = match asker {
                Asker::Selection(position) => {
                    let view = service.features.get(position).map(|selection| selection.view.as_str());
                    let view = view.and_then(|view| self.definitions.objects.feature_view(view));
                    view.is_some_and(|view| view.features.iter().any(|feature| feature.name == name))
                }
                Asker::Use(_) => false,
            };
            if let Some(result) = self.outputs.get(&name)
                && !is_told
                && told.insert(name.clone())
            {
                let message = format!("requests send `{name}`, and a feature of this service has that name");
                let mut diagnostic = Diagnostic::error(codes::COLLISION, span, message);
                if *result != span {
                    diagnostic = diagnostic.also(*result, "the feature");
                }
                self.findings.push(
                    diagnostic.help("take the feature by a `use` block, or give the key another name there"),
                );
            }
            match sent.get(&name) {
                Some((known, first)) if *known != value_type => {
                    if told.insert(name.clone()) {
                        let message = format!("requests would send `{name}` as {known} and as {value_type}");
                        let mut diagnostic = Diagnostic::error(codes::COLLISION, span, message);
                        if *first != span {
                            diagnostic = diagnostic.also(*first, "the first");
                        }
                        self.findings.push(
                            diagnostic
                                .help("give one of them another name: `join_keys = { … }` in a `use` block"),
                        );
                    }
                }
                Some(_) => {}
                None => drop(sent.insert(name, (value_type, span))),
            }
        }
    }

    fn consumers(&mut self, service: &FeatureService) {
        let mut names: BTreeMap<&str, Span> = BTreeMap::new();
        for (position, consumer) in service.consumers.iter().enumerate() {
            let span = self.origin.span(Place::block("consumer", position));
            if let Some(first) = names.insert(&consumer.name, span) {
                let message = format!("the consumer `{}` stands here twice", consumer.name);
                self.findings
                    .push(Diagnostic::error(codes::DUPLICATE, span, message).also(first, "the first"));
            }
        }
    }
}
