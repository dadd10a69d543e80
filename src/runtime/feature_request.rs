//! What a request asks for: the features of a service, or a list of `view:feature`, looked up in the definitions. Online
//! reads and the historical join resolve their requests here, so that both give the same names in the same order.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use provender_core::expression::Compiled;
use provender_core::model::{Address, FeatureService, JoinKey, Object, ObjectKind, Objects, ValueType};
use provender_core::time::Timestamp;

use crate::columns::nearest;
use crate::{Error, ErrorKind, Result};

/// One feature as clients write it: `view:feature`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureRef {
    /// The view.
    pub view: String,
    /// The feature.
    pub feature: String,
}

impl fmt::Display for FeatureRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.view, self.feature)
    }
}

impl FromStr for FeatureRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some((view, feature)) if !view.is_empty() && !feature.is_empty() && !feature.contains(':') => {
                Ok(Self { view: view.to_owned(), feature: feature.to_owned() })
            }
            _ => {
                let error = format!("`{text}` is not a feature such as `driver_stats:conv_rate`");
                let meant = as_in_definitions(text).map(|meant| format!("did you mean `{meant}`?"));
                Err(meant.into_iter().fold(Error::invalid(error), Error::with_hint))
            }
        }
    }
}

/// The feature that definitions would mean by this: `feature_view.driver_stats.conv_rate`, or without the kind.
fn as_in_definitions(text: &str) -> Option<FeatureRef> {
    let name = ["feature_view.", "on_demand_feature_view."].iter().find_map(|kind| text.strip_prefix(kind));
    let (view, feature) = name.unwrap_or(text).split_once('.')?;
    let is_name = |part: &str| !part.is_empty() && !part.contains(['.', ':', ' ', '/']);
    (is_name(view) && is_name(feature))
        .then(|| FeatureRef { view: view.to_owned(), feature: feature.to_owned() })
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeatureRequest {
    /// Everything in a feature service.
    Service(String),
    /// These features, in this order.
    Features(Vec<FeatureRef>),
}

/// A request looked up in the definitions.
///
/// Values lie in slots. The first are the results, in the order asked for; those after them are read for expressions only.
#[derive(Clone, Debug)]
pub struct ResolvedRequest {
    /// The views to read, each with one set of join-key names.
    pub views: Vec<RequestedView>,
    /// Names of the results, in the order asked for.
    pub outputs: Vec<String>,
    /// Number of slots, results and others.
    pub slots: usize,
    /// Fields that come with the request, by name.
    pub fields: BTreeMap<String, ValueType>,
    /// Features that are computed.
    pub expressions: Vec<RequestedExpression>,
}

/// A feature that is computed from others.
#[derive(Clone, Debug)]
pub struct RequestedExpression {
    /// The slot that it fills.
    pub output: usize,
    /// `view:feature`, for messages.
    pub name: String,
    /// The expression.
    pub expression: Compiled,
    /// Where its columns come from, in their order.
    pub inputs: Vec<ExpressionInput>,
}

/// Where a column of an expression comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpressionInput {
    /// A feature that is read, with its type.
    Slot(usize, ValueType),
    /// A field of the request, with its type.
    Field(String, ValueType),
}

/// Features of one view, looked up by one set of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedView {
    /// The view.
    pub view: String,
    /// Its join keys, ordered by name (the order of fields in entity keys), each with its name in the request.
    pub join_keys: Vec<(JoinKey, String)>,
    /// Its features that are asked for.
    pub features: Vec<RequestedFeature>,
}

/// One feature of a view that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedFeature {
    /// Its name in the view.
    pub name: String,
    /// Its slot; see [`ResolvedRequest`].
    pub output: usize,
}

impl FeatureRequest {
    /// Looks the request up. Names of results are feature names, `view__feature` with `full_feature_names`, and always
    /// `use__feature` for what a service takes by a `use` block.
    ///
    /// # Errors
    /// A service, view or feature that is not there; two results of one name.
    ///
    /// Old names of what moved are answered while their alias lasts, by `now`, the reader's clock; a result keeps the name
    /// that was asked for.
    pub fn resolve(
        &self,
        objects: &Objects,
        full_feature_names: bool,
        now: Timestamp,
    ) -> Result<ResolvedRequest> {
        let mut resolver = Resolver::new(objects, full_feature_names, now);
        match self {
            Self::Features(features) => {
                for FeatureRef { view, feature } in features {
                    resolver.add(view, Some(feature), None)?;
                }
            }
            Self::Service(name) => resolver.add_service(find_service(objects, name, now)?)?,
        }
        if resolver.outputs.is_empty() {
            return Err(Error::invalid("the request names no features"));
        }
        resolver.finish()
    }
}

/// The present name of what was asked for, where that is an old name that is still answered.
fn present_name<'a>(
    objects: &'a Objects,
    kinds: &[ObjectKind],
    asked: &str,
    now: Timestamp,
) -> Option<&'a str> {
    let answers = |object: &Object| {
        object.aliases().and_then(|aliases| aliases.get(asked)).is_some_and(|until| *until > now)
    };
    let mut found =
        objects.0.iter().filter(|(address, object)| kinds.contains(&address.kind) && answers(object));
    found.next().map(|(address, _)| address.name.as_str())
}

const VIEWS: [ObjectKind; 2] = [ObjectKind::FeatureView, ObjectKind::OnDemandFeatureView];

fn find_service<'a>(objects: &'a Objects, name: &str, now: Timestamp) -> Result<&'a FeatureService> {
    let present = || present_name(objects, &[ObjectKind::FeatureService], name, now);
    let found = objects.feature_service(name).or_else(|| objects.feature_service(present()?));
    found.ok_or_else(|| {
        let known = objects.0.keys().filter(|address| address.kind == ObjectKind::FeatureService);
        not_found("feature service", name, known.map(|address| address.name.as_str()))
    })
}

/// Names that a hint lists at most.
const LISTED_NAMES: usize = 8;

/// Suggests the nearest name, else lists the known ones.
pub(crate) fn not_found<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let error = Error::new(ErrorKind::NotFound, format!("there is no {what} `{name}`"));
    let known: Vec<&str> = known.collect();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return error.with_hint(format!("did you mean `{near}`?"));
    }
    if known.is_empty() {
        return error.with_hint("`provender list` shows what was applied");
    }
    let listed: Vec<String> = known.iter().take(LISTED_NAMES).map(|name| format!("`{name}`")).collect();
    let more = match known.len().saturating_sub(LISTED_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    error.with_hint(format!("there are {}{more}", listed.join(", ")))
}

/// A view under another name with other join keys: the `use` block.
struct Renamed<'a> {
    prefix: &'a str,
    join_keys: &'a BTreeMap<String, String>,
}

struct Resolver<'a> {
    objects: &'a Objects,
    now: Timestamp,
    full_feature_names: bool,
    views: Vec<RequestedView>,
    /// Name of each result, and what gives it.
    outputs: Vec<(String, String)>,
    /// On-demand features that are asked for, with their slots.
    computed: Vec<(String, String, usize)>,
}

impl<'a> Resolver<'a> {
    const fn new(objects: &'a Objects, full_feature_names: bool, now: Timestamp) -> Self {
        Self {
            objects,
            now,
            full_feature_names,
            views: Vec::new(),
            outputs: Vec::new(),
            computed: Vec::new(),
        }
    }

    fn add_service(&mut self, service: &FeatureService) -> Result<()> {
        for selection in &service.features {
            self.add(&selection.view, selection.feature.as_deref(), None)?;
        }
        for used in &service.uses {
            let renamed = Renamed { prefix: &used.name, join_keys: &used.join_keys };
            match &used.features {
                None => self.add(&used.view, None, Some(&renamed))?,
                Some(features) => {
                    for feature in features {
                        self.add(&used.view, Some(feature), Some(&renamed))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds one feature of a view, or all of them.
    fn add(&mut self, view_name: &str, feature: Option<&str>, renamed: Option<&Renamed<'_>>) -> Result<()> {
        if self.objects.features_of(view_name).is_none()
            && let Some(present) = present_name(self.objects, &VIEWS, view_name, self.now)
        {
            return self.add(present, feature, renamed);
        }
        if let Some(view) = self.objects.on_demand_feature_view(view_name) {
            let known = view.features.iter().map(|feature| feature.name.as_str());
            let features: Vec<&str> = match feature {
                None => known.collect(),
                Some(feature) if self.feature(view_name, feature).is_some() => vec![feature],
                Some(feature) => {
                    return Err(not_found(&format!("feature of `{view_name}` named"), feature, known));
                }
            };
            for feature in features {
                let output = self.add_output(view_name, feature, renamed)?;
                let name = self.feature(view_name, feature).unwrap_or(feature).to_owned();
                self.computed.push((view_name.to_owned(), name, output));
            }
            return Ok(());
        }
        let view = self.objects.feature_view(view_name).ok_or_else(|| {
            let known = self.objects.0.keys().filter(|address| address.kind.has_features());
            not_found("feature view", view_name, known.map(|address| address.name.as_str()))
        })?;
        let join_keys = self.join_keys(view_name, renamed)?;
        let features = view.features.iter().map(|feature| feature.name.as_str());
        let features: Vec<&str> = match feature {
            None => features.collect(),
            Some(feature) if self.feature(view_name, feature).is_some() => vec![feature],
            Some(feature) => {
                return Err(not_found(&format!("feature of `{view_name}` named"), feature, features));
            }
        };
        for feature in features {
            let output = self.add_output(view_name, feature, renamed)?;
            let name = self.feature(view_name, feature).unwrap_or(feature).to_owned();
            self.read(view_name, &join_keys, RequestedFeature { name, output });
        }
        Ok(())
    }

    /// The present name of a feature, also by an old name that is still answered.
    fn feature(&self, view: &str, asked: &str) -> Option<&'a str> {
        let objects = self.objects;
        let known = objects.features_of(view)?;
        if let Some(known) = known.iter().find(|known| **known == asked) {
            return Some(known);
        }
        let object = VIEWS.iter().find_map(|kind| objects.get(&Address::new(*kind, view)))?;
        known.into_iter().find(|name| {
            let aliases = object.feature_aliases(name);
            aliases.and_then(|aliases| aliases.get(asked)).is_some_and(|until| *until > self.now)
        })
    }

    fn read(&mut self, view: &str, join_keys: &[(JoinKey, String)], feature: RequestedFeature) {
        let known = self.views.iter_mut().find(|known| known.view == view && known.join_keys == join_keys);
        match known {
            Some(known) => known.features.push(feature),
            None => self.views.push(RequestedView {
                view: view.to_owned(),
                join_keys: join_keys.to_vec(),
                features: vec![feature],
            }),
        }
    }

    /// Compiles what is computed, and reads what that needs.
    fn finish(mut self) -> Result<ResolvedRequest> {
        let mut slots = self.outputs.len();
        let mut fields: BTreeMap<String, ValueType> = BTreeMap::new();
        let mut expressions = Vec::new();
        for (view_name, feature, output) in std::mem::take(&mut self.computed) {
            let name = format!("{view_name}:{feature}");
            let bad = |reason: String| {
                Error::corrupt(format!("`{name}` cannot be computed")).with_source(Error::corrupt(reason))
            };
            let view = self.objects.on_demand_feature_view(&view_name);
            let Some((view, definition)) = view.and_then(|view| Some((view, view.feature(&feature)?))) else {
                return Err(bad("it is not registered".to_owned()));
            };
            let columns = view.source_columns(self.objects);
            let expression =
                Compiled::of_text(&definition.expression, &definition.value_type, &columns).map_err(bad)?;
            let mut inputs = Vec::new();
            for column in expression.columns() {
                let Some(value_type) =
                    columns.get(&column.source).and_then(|of| of.get(&column.name)).cloned()
                else {
                    return Err(bad(format!("there is no `{}.{}`", column.source, column.name)));
                };
                if self.objects.feature_view(&column.source).is_some() {
                    let slot = self.slot(&column.source, &column.name, &mut slots)?;
                    inputs.push(ExpressionInput::Slot(slot, value_type));
                } else {
                    if let Some(other) = fields.insert(column.name.clone(), value_type.clone())
                        && other != value_type
                    {
                        return Err(Error::invalid(format!(
                            "the request field `{}` is {other} for one feature and {value_type} for another",
                            column.name
                        ))
                        .with_hint("ask for these features one by one"));
                    }
                    inputs.push(ExpressionInput::Field(column.name.clone(), value_type));
                }
            }
            expressions.push(RequestedExpression { output, name, expression, inputs });
        }
        let outputs = self.outputs.into_iter().map(|(name, _)| name).collect();
        Ok(ResolvedRequest { views: self.views, outputs, slots, fields, expressions })
    }

    /// The slot of a feature by the view's own keys; a new one where it is not read yet.
    fn slot(&mut self, view: &str, feature: &str, slots: &mut usize) -> Result<usize> {
        let join_keys = self.join_keys(view, None)?;
        let known = self.views.iter().find(|known| known.view == view && known.join_keys == join_keys);
        let found = known.and_then(|known| known.features.iter().find(|known| known.name == feature));
        if let Some(found) = found {
            return Ok(found.output);
        }
        let slot = *slots;
        *slots += 1;
        self.read(view, &join_keys, RequestedFeature { name: feature.to_owned(), output: slot });
        Ok(slot)
    }

    fn join_keys(&self, view: &str, renamed: Option<&Renamed<'_>>) -> Result<Vec<(JoinKey, String)>> {
        let keys = self.objects.join_keys(view).ok_or_else(|| {
            Error::corrupt(format!("feature view `{view}` has an entity that is not registered"))
        })?;
        let name = |key: &JoinKey| {
            renamed.and_then(|renamed| renamed.join_keys.get(&key.name)).unwrap_or(&key.name).clone()
        };
        Ok(keys.into_iter().map(|key| (key.clone(), name(&key))).collect())
    }

    fn add_output(&mut self, view: &str, feature: &str, renamed: Option<&Renamed<'_>>) -> Result<usize> {
        let (output, giver) = match renamed {
            Some(renamed) => (
                format!("{}__{feature}", renamed.prefix),
                format!("{view}:{feature} (as {})", renamed.prefix),
            ),
            None if self.full_feature_names => (format!("{view}__{feature}"), format!("{view}:{feature}")),
            None => (feature.to_owned(), format!("{view}:{feature}")),
        };
        if let Some((_, other)) = self.outputs.iter().find(|(known, _)| *known == output) {
            let error = Error::invalid(format!("`{other}` and `{giver}` would both be named `{output}`"));
            return Err(if *other == giver {
                error.with_hint("ask for it once")
            } else {
                error.with_hint("full feature names (`view__feature`) tell them apart")
            });
        }
        self.outputs.push((output, giver));
        Ok(self.outputs.len() - 1)
    }
}
