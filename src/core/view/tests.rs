//! Plans that the tests of every view look at.

use std::collections::{BTreeMap, BTreeSet};

use litemap::LiteMap;

use crate::model::{Address, ObjectKind, Objects, Project, StoreIdentity, StoreSettings};
use crate::plan::{
    Affected, Change, Contract, Gate, InfraStep, Plan, PlanInput, SourcePosition, SourceRange, StepAction,
    plan,
};
use crate::provider::{InfraObject, StoreSpec, UpdateKind};
use crate::registry::{
    AppliedEnvironment, ColumnId, Interval, Ledger, MaterializationInterval, OnlineTable, Registry,
};
use crate::time::{Duration, Timestamp};
use crate::view::{html, markdown};

#[derive(Debug)]
struct OneTable;

impl StoreSpec for OneTable {
    fn name(&self) -> &'static str {
        "test"
    }

    fn identity(&self, settings: &StoreSettings) -> StoreIdentity {
        StoreIdentity { kind: settings.kind.clone(), settings: LiteMap::new() }
    }

    fn lower(&self, project: &str, table: &OnlineTable) -> Vec<InfraObject> {
        vec![InfraObject::of_table("test_table", project, table, LiteMap::new())]
    }

    fn update_kind(&self, _: &InfraObject, _: &InfraObject) -> UpdateKind {
        UpdateKind::InPlace
    }
}

/// The definitions of a fleet; `acc_rate` and the description are what the tests change.
pub(super) fn fleet(acc_rate: &str, description: &str) -> Objects {
    let view = r#"{"kind":"feature_view","entities":["driver"],"source":"driver_stats","ttl":"7d",
        "features":[{"name":"conv_rate","type":"float32"},{"name":"acc_rate","type":"ACC"}],"description":"DESC"}"#;
    let text = r#"{
        "entity.driver": {"kind":"entity","join_key":"driver_id","value_type":"int64"},
        "data_source.driver_stats": {"kind":"data_source","source_kind":"file","path":"data/stats.parquet",
            "format":"parquet","timestamp_field":"event_timestamp"},
        "feature_view.driver_hourly_stats": VIEW,
        "feature_service.ranking": {"kind":"feature_service",
            "features":[{"view":"driver_hourly_stats","feature":"acc_rate"}],
            "consumers":[{"name":"eta-model","owner":"ml-eta@acme.example"}]}
    }"#;
    let view =
        view.replace("ACC", acc_rate).replace("\"DESC\"", &serde_json::to_string(description).unwrap());
    serde_json::from_str(&text.replace("VIEW", &view)).unwrap()
}

pub(super) fn planned(objects: Objects, prior: &Registry) -> Plan {
    let project = Project { name: "staging".to_owned(), objects, ..Project::default() };
    let view: Address = "feature_view.driver_hourly_stats".parse().unwrap();
    let position = |line| SourcePosition { line, column: 1 };
    let range =
        SourceRange { filename: "ranking/views.hcl".to_owned(), start: position(12), end: position(30) };
    let instant = |text: &str| text.parse::<Timestamp>().unwrap();
    let ledgers = prior.tables.iter().map(|(id, table)| {
        let interval = MaterializationInterval {
            interval: Interval { from: instant("2026-08-25"), to: instant("2026-11-23") },
            columns: BTreeSet::from([ColumnId(1), ColumnId(2)]),
            source: table.source.clone(),
            rows_read: 1,
            rows_written: 1,
        };
        (id.clone(), Ledger { intervals: vec![interval], complete: None })
    });
    let environment = AppliedEnvironment {
        provider: "local".to_owned(),
        online_store: Some(StoreIdentity { kind: "test".to_owned(), settings: LiteMap::new() }),
        offline_store: None,
    };
    let outcome = plan(&PlanInput {
        ranges: &BTreeMap::from([(view, range)]),
        registry_location: "data/registry.db",
        keep_superseded: Duration::from_seconds(60),
        ledgers: &ledgers.collect(),
        store: Some(&OneTable),
        ..PlanInput::of(&project, prior, &environment, instant("2026-11-25"))
    });
    assert_eq!(outcome.errors, []);
    outcome.plan.unwrap()
}

pub(super) fn applied(objects: Objects) -> Registry {
    let plan = planned(objects, &Registry::default());
    let mut registry = Registry {
        project: "staging".to_owned(),
        lineage: "lineage".to_owned(),
        revision: 41,
        ..Registry::default()
    };
    for step in &plan.steps {
        registry.apply_change(&step.change.resolve(37));
        if let StepAction::Infrastructure(InfraStep::Create { object }) = &step.action {
            let object = object.resolve(37);
            registry.infrastructure.insert(object.id.clone(), object);
        }
    }
    registry
}

/// A market with every kind of object, before and after a release that breaks, adds and rewords.
pub(super) fn market(release: bool) -> Objects {
    let pick = |before: &'static str, after: &'static str| if release { after } else { before };
    let mut text = MARKET.to_owned();
    for (word, before, after) in [
        ("PRICE", "float32", "string"),
        ("SINCE", "2024", "2025"),
        ("EXPRESSION", "prices.price * basket.count", "prices.price * basket.count * 1.19"),
        ("MORE", "", r#",{"name":"returns","type":"int64"}"#),
        ("OWNER", "shop", "shop-team"),
        ("ONLINE", "true", "false"),
    ] {
        text = text.replace(word, pick(before, after));
    }
    let mut objects: Objects = serde_json::from_str(&text).unwrap();
    let gone = pick("feature_service.campaigns", "feature_service.reports");
    objects.0.remove(&gone.parse::<Address>().unwrap());
    objects
}

const MARKET: &str = r#"{
  "entity.article": {"kind":"entity","join_key":"article_id","value_type":"int64","owner":"OWNER"},
  "entity.customer": {"kind":"entity","join_key":"customer_id","value_type":"string"},
  "data_source.price_list": {"kind":"data_source","source_kind":"bigquery","timestamp_field":"valid_from",
    "query":"SELECT article_id, valid_from, price\nFROM shop.price_list\nWHERE year >= SINCE\n  AND price > 0\n"},
  "data_source.orders": {"kind":"data_source","source_kind":"file","path":"data/orders.parquet","format":"parquet",
    "timestamp_field":"ordered_at"},
  "data_source.order_events": {"kind":"data_source","source_kind":"push","batch_source":"orders"},
  "data_source.basket": {"kind":"data_source","source_kind":"request","fields":[{"name":"count","type":"int64"}]},
  "feature_view.prices": {"kind":"feature_view","entities":["article"],"source":"price_list","ttl":"7d",
    "features":[{"name":"price","type":"PRICE"},{"name":"discount","type":"float32"}]},
  "feature_view.customer_orders": {"kind":"feature_view","entities":["customer"],"source":"order_events","ttl":"30d",
    "features":[{"name":"orders","type":"int64"},{"name":"amount","type":"float64"}MORE]},
  "feature_view.trends": {"kind":"feature_view","entities":["article"],"source":"orders","online":ONLINE,
    "features":[{"name":"week","type":"float32"}]},
  "on_demand_feature_view.basket_value": {"kind":"on_demand_feature_view",
    "sources":["feature_view.prices","data_source.basket"],
    "features":[{"name":"value","type":"float64","expression":"EXPRESSION"}]},
  "feature_service.recommendations": {"kind":"feature_service",
    "features":[{"view":"prices","feature":"price"},{"view":"customer_orders"},
      {"view":"basket_value","on_demand":true,"feature":"value"}],
    "consumers":[{"name":"recommender","owner":"ml-shop@acme.example"},{"name":"newsletter"}]},
  "feature_service.fraud": {"kind":"feature_service","features":[{"view":"customer_orders","feature":"amount"}],
    "consumers":[{"name":"fraud-model","owner":"risk@acme.example"}]},
  "feature_service.campaigns": {"kind":"feature_service","features":[{"view":"prices","feature":"discount"}]},
  "feature_service.reports": {"kind":"feature_service","features":[{"view":"customer_orders","feature":"orders"}]}
}"#;

/// The plan of the market's release, with a gate that refuses what breaks.
pub(super) fn release() -> Plan {
    let mut plan = planned(market(true), &applied(market(false)));
    plan.gate.gates = BTreeSet::from([Gate::Breaking]);
    plan
}

/// The plan with its first change of each contract as often as wanted: breaking, non-breaking, metadata.
pub(super) fn multiplied(plan: &Plan, counts: [usize; 3]) -> Plan {
    let contracts = [Contract::Breaking, Contract::NonBreaking, Contract::Metadata];
    let mut large = plan.clone();
    large.changes.clear();
    for (contract, count) in contracts.into_iter().zip(counts) {
        let is_one = |change: &&Change| {
            let is_view = change.address.kind == ObjectKind::FeatureView;
            change.contract == contract && (is_view || contract == Contract::Metadata)
        };
        let one = plan.changes.iter().find(is_one).unwrap();
        large.changes.extend((0..count).map(|number| {
            let mut change = one.clone();
            let name = std::mem::replace(&mut change.address.name, format!("{}_{number}", one.address.name));
            let features = change.affects.iter_mut().flat_map(|service| &mut service.features);
            for feature in features.filter(|feature| feature.starts_with(&format!("{name}:"))) {
                *feature = feature.replacen(&name, &change.address.name, 1);
            }
            change
        }));
    }
    // Harmless ones first, as no planner would write them: a view has to rank them itself.
    large.changes.reverse();
    large
}

/// The plan with a text in every place that a person can fill.
pub(super) fn spoiled(plan: &Plan, text: &str) -> Plan {
    fn spoil(json: &mut serde_json::Value, text: &str) {
        match json {
            serde_json::Value::String(old) => old.push_str(text),
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, text)),
            serde_json::Value::Object(fields) => fields.values_mut().for_each(|item| spoil(item, text)),
            _ => {}
        }
    }
    let mut spoiled = plan.clone();
    let add = |word: &mut String| word.push_str(text);
    let add_all = |affected: &mut Vec<Affected>| {
        for service in affected {
            add(&mut service.address.name);
            service.features.iter_mut().for_each(add);
            service.consumers.iter_mut().for_each(add);
        }
    };
    add(&mut spoiled.project);
    add(&mut spoiled.registry);
    add(&mut spoiled.lineage);
    add_all(&mut spoiled.affected);
    for change in &mut spoiled.changes {
        add(&mut change.address.name);
        add_all(&mut change.affects);
        for form in [&mut change.before, &mut change.after].into_iter().flatten() {
            let mut tree = form.parse();
            spoil(&mut tree, text);
            *form = serde_json::from_value(tree).unwrap();
        }
        for attribute in &mut change.attributes {
            attribute.path.iter_mut().skip(1).for_each(add);
            [&mut attribute.before, &mut attribute.after]
                .into_iter()
                .flatten()
                .for_each(|side| spoil(side, text));
        }
        change.data.iter_mut().flat_map(|data| &mut data.features).for_each(add);
        change.codes = change.codes.iter().map(|code| format!("{code}{text}")).collect();
        change.range.iter_mut().for_each(|range| add(&mut range.filename));
    }
    for finding in &mut spoiled.findings {
        add(&mut finding.message);
        finding.address.iter_mut().for_each(|address| add(&mut address.name));
    }
    for risk in &mut spoiled.gate.risks {
        add(&mut risk.address.name);
        add(&mut risk.code);
    }
    for object in &mut spoiled.infrastructure {
        add(&mut object.id.name);
        add(&mut object.kind);
        object.serves.iter_mut().for_each(|view| add(&mut view.name));
    }
    spoiled
}

/// Run with `cargo test --release -p provender-core --lib ten_thousand_changes -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "prints what it measured")]
fn ten_thousand_changes() {
    for counts in [[100, 4_900, 5_000], [10_000, 0, 0]] {
        let plan = multiplied(&release(), counts);
        for max_bytes in [2_000, 60_000, 100_000_000] {
            let start = std::time::Instant::now();
            let options = markdown::MarkdownOptions { max_bytes, verbose: false };
            let length = markdown::plan(&plan, &options).unwrap().len();
            eprintln!("{counts:?} Markdown, {max_bytes}: {length} bytes in {:?}", start.elapsed());
        }
        let start = std::time::Instant::now();
        let length = html::plan(&plan).len();
        eprintln!("{counts:?} HTML: {length} bytes in {:?}", start.elapsed());
    }
}

/// What people have put into names and texts to break pages.
pub(super) const HOSTILE: [&str; 12] = [
    "<script>alert(1)</script>",
    "</details></summary></code></pre></svg></style>",
    "`` ``` ```` ~~~",
    "\u{1b}[31mred\u{7}",
    "\u{202e}txt.exe\u{2066}\u{61c}",
    "a|b|c\\|d\\\\|e",
    "one\n\n# two\r\n- three\n```\n</details>\n",
    "@everyone #12 GH-12 acme/shop#1 https://evil.example www.evil.example mailto:a@b.c",
    "[x](javascript:alert(1)) ![y](https://evil.example/z.png) *b* _i_ ~~s~~ <b>",
    "--> <!-- ]]> &lt;b&gt; &#64; \" onload=x '",
    "$x$ ${HOME} {{ y }} :smile:",
    "\u{0}\u{85}\u{2028}\u{ad}\u{200b}\u{e0041}",
];
