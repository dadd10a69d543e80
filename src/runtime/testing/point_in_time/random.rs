//! Random histories and requests against the oracle. Keys and times are drawn from few, so that they meet: ties, equal rows
//! and both ends of a ttl come up all the time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, DictionaryArray, Float64Array, Int8Array, Int32Array, Int64Array,
    LargeStringArray, StringArray,
};
use arrow::datatypes::{Float32Type, Int32Type, Int64Type, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use provender_core::encoding::EntityKey;
use provender_core::model::{DataSource, FeatureView, Value, ValueType};
use provender_core::time::{Duration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::{feature_view, file_source};
use super::load::Filled;
use super::oracle::{self, Field, Key, Row, Sight};
use super::placed::{cells_of, double_at, number_at, single_at, text_at};
use super::time_form::TimeForm;
use super::{ENTITIES, Held, HistoryBackend, Pieces, Scene, ask_for, frame, rows};
use crate::historical::{EntityRows, EventTimeMatch, HistoricalRequest};

const NUMBERS: [i64; 6] = [1, 12, 3, 23, 123, -1];
const TEXTS: [&str; 7] = ["a", "b", "a,b", "b|a", "1", "é", ""];
/// Keys of views: names of entities, in an order that is not that of their join keys.
const KEYS: [&[&str]; 6] = [&["driver"], &["driver"], &["b", "a"], &["code"], &["driver", "code"], &[]];

/// How much happened in random histories; they are worth something only if all of it did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Answers that were compared.
    pub answers: u64,
    /// Answers that have a row.
    pub found: u64,
    /// Answers that have none, and would without a ttl.
    pub too_old: u64,
    /// Answers that are another row than they would be if ties were broken the other way.
    pub ties: u64,
    /// Answers that another mode of sight changes.
    pub out_of_sight: u64,
    /// Stored rows that were compared.
    pub stored: u64,
}

/// Makes up one history for each seed, asks for training data and materializes, and compares every row with the oracle.
/// Panics, with the seed, at the first difference.
pub async fn random_histories(backend: &dyn HistoryBackend, seeds: Range<u64>) -> Figures {
    let mut figures = Figures::default();
    for seed in seeds {
        let mut random = StdRng::seed_from_u64(seed);
        let case = Case::new(&mut random, seed, backend.knows_empty_text());
        let held = case.scene(&mut random).held_by(backend, case.pieces).await;
        case.check_training_data(&held, &mut random, &mut figures).await;
        case.check_stored(&held, &mut random, &mut figures).await;
    }
    figures
}

struct Case {
    seed: u64,
    /// Nanoseconds from one time of rows to the next.
    tick: i64,
    pieces: Pieces,
    views: Vec<View>,
    matching: EventTimeMatch,
    known_by: bool,
}

struct View {
    name: String,
    entities: &'static [&'static str],
    forms: (TimeForm, TimeForm),
    ttl: i64,
    rows: Vec<Row>,
}

/// The entity rows of a case.
struct Entities {
    columns: BTreeMap<&'static str, Vec<Option<Field>>>,
    times: Vec<Option<i64>>,
}

fn pick<T: Copy>(random: &mut StdRng, values: &[T]) -> T {
    values[random.random_range(0..values.len())]
}

fn unless<T>(random: &mut StdRng, chance: f64, value: T) -> Option<T> {
    (!random.random_bool(chance)).then_some(value)
}

/// Join key and type of an entity.
fn join_key(entity: &str) -> (&'static str, ValueType) {
    let (_, key, value_type) = ENTITIES.into_iter().find(|(name, ..)| *name == entity).unwrap();
    (key, value_type)
}

/// Join keys of a view in the order of their names, which is that of fields in keys.
fn join_keys(entities: &[&str]) -> Vec<(&'static str, ValueType)> {
    let mut keys: Vec<_> = entities.iter().map(|entity| join_key(entity)).collect();
    keys.sort_by_key(|(name, _)| *name);
    keys
}

fn some_field(random: &mut StdRng, value_type: &ValueType, empty_text: bool) -> Option<Field> {
    let few = 1 + random.random_range(0..4);
    let field = if *value_type == ValueType::String {
        let texts = if empty_text { &TEXTS[..] } else { &TEXTS[..TEXTS.len() - 1] };
        Field::Text(texts[random.random_range(0..texts.len())].to_owned())
    } else {
        Field::Number(NUMBERS[random.random_range(0..few)])
    };
    unless(random, 0.08, field)
}

impl Case {
    fn new(random: &mut StdRng, seed: u64, empty_text: bool) -> Self {
        let tick = pick(random, &[1, 1_000, 1_000_000, 1_000_000_000, 86_400_000_000_000]);
        let most = pick(random, &[3, 12, 40]);
        let piece = |random: &mut StdRng| pick(random, &[1, 2, 3, 5, 8, 13, 1_000]);
        let pieces = Pieces { file: piece(random), group: piece(random), page: piece(random) };
        // Many small files are slow to write and tell no more.
        let pieces = Pieces { file: pieces.file.max(most / 8), ..pieces };
        let views = (0..random.random_range(1..4))
            .map(|number| View::new(random, number, (tick, most), empty_text))
            .collect();
        let matching =
            if random.random_bool(0.3) { EventTimeMatch::StrictlyBefore } else { EventTimeMatch::AtOrBefore };
        Self { seed, tick, pieces, views, matching, known_by: random.random_bool(0.3) }
    }

    fn scene(&self, random: &mut StdRng) -> Scene {
        let mut scene = Scene::new();
        for view in &self.views {
            scene = scene.source(&view.name, view.source(), view.table(random));
            let features =
                [("number", ValueType::Int64), ("single", ValueType::Float32), ("text", ValueType::String)];
            let ttl = Duration::from_nanos(view.ttl).unwrap();
            let view_of = FeatureView { ttl, ..feature_view(&view.name, view.entities, &features) };
            scene = scene.view(&view.name, view_of);
        }
        scene
    }

    fn sight(&self, view: &View) -> Sight {
        Sight { ttl: view.ttl, matching: self.matching, known_by: self.known_by }
    }

    /// Without a frame, the views need the same keys; those without any ask for nothing.
    fn may_do_without_a_frame(&self) -> bool {
        let mut keys: Vec<_> =
            self.views.iter().filter(|view| !view.entities.is_empty()).map(|view| view.entities).collect();
        keys.dedup();
        keys.len() == 1
    }

    async fn check_training_data(&self, held: &Held, random: &mut StdRng, figures: &mut Figures) {
        let (entities, asked) = if self.may_do_without_a_frame() && random.random_bool(0.3) {
            let start = self.tick * random.random_range(-3..10);
            let range = (start, start + self.tick * random.random_range(0..8));
            let (start, end) = (Timestamp::from_nanos(range.0), Timestamp::from_nanos(range.1));
            (self.entities_of_range(range), EntityRows::Range { start, end })
        } else {
            let entities = self.some_entities(random);
            let asked = entities.frame(random, self.tick);
            (entities, asked)
        };
        let names: Vec<String> = self
            .views
            .iter()
            .flat_map(|view| ["text", "number", "single"].map(|name| format!("{}:{name}", view.name)))
            .collect();
        let request = HistoricalRequest {
            event_time_match: self.matching,
            created_before_event_time: self.known_by,
            full_feature_names: true,
            ..ask_for(&names.iter().map(String::as_str).collect::<Vec<_>>(), asked)
        };
        let result = held.ask(&request).await.unwrap_or_else(|error| panic!("seed {}: {error:?}", self.seed));
        entities.came_back(&result.batch, self.seed);
        let any_time = entities.times.iter().any(Option::is_some);
        for view in &self.views {
            view.check(&result.batch, &entities, (self.sight(view), self.seed), figures);
            let skipped = result.skipped_rows.get(&view.name).copied().unwrap_or(0);
            let without_time = view.rows.iter().filter(|row| row.event.is_none()).count() as u64;
            assert_eq!(skipped, if any_time { without_time } else { 0 }, "seed {}: skipped", self.seed);
        }
    }

    fn entities_of_range(&self, range: (i64, i64)) -> Entities {
        let keyed: Vec<&View> = self.views.iter().filter(|view| !view.entities.is_empty()).collect();
        let pairs = oracle::pairs(keyed.iter().flat_map(|view| &view.rows), range);
        let keys = join_keys(keyed[0].entities);
        let column = |at: usize| pairs.iter().map(|(key, _)| key[at].clone()).collect();
        Entities {
            columns: keys.iter().enumerate().map(|(at, (name, _))| (*name, column(at))).collect(),
            times: pairs.iter().map(|(_, time)| Some(*time)).collect(),
        }
    }

    fn some_entities(&self, random: &mut StdRng) -> Entities {
        let count = random.random_range(0..24);
        let columns = ENTITIES.iter().map(|(_, key, value_type)| {
            (*key, (0..count).map(|_| some_field(random, value_type, true)).collect())
        });
        let columns = columns.collect();
        // Some lie one nanosecond beside a time of rows, where frames hold such times.
        let beside: &[i64] = if random.random_bool(0.4) { &[-1, 0, 0, 1] } else { &[0] };
        let times = (0..count).map(|_| {
            let time = self.tick * random.random_range(-4..16) + pick(random, beside);
            unless(random, 0.05, time)
        });
        Entities { times: times.collect(), columns }
    }

    async fn check_stored(&self, held: &Held, random: &mut StdRng, figures: &mut Figures) {
        let view = &self.views[random.random_range(0..self.views.len())];
        let start = self.tick * random.random_range(-4..12);
        let range = pick(
            random,
            &[(i64::MIN, i64::MAX), (start, start + self.tick * 3), (start, start), (i64::MIN, start)],
        );
        let filled = Filled::with(held, &view.name, range).await;
        let keys: std::collections::BTreeSet<&Key> =
            view.rows.iter().map(|row| &row.key).filter(|key| key.iter().all(Option::is_some)).collect();
        let mut stored = 0;
        for key in keys {
            let values: Vec<Value> = key.iter().flatten().map(value_of).collect();
            let row = filled.row(&EntityKey::encode(&values).unwrap()).await;
            let found = row.map(|(header, cells)| {
                (header.event_time.as_nanos(), header.created_time.map(Timestamp::as_nanos), cells)
            });
            let expected = oracle::loaded(&view.rows, key, range).map(|place| {
                let row = &view.rows[place];
                (row.event.unwrap(), row.created, cells_of(place))
            });
            assert_eq!(shown(&found), shown(&expected), "seed {}: {key:?} of {}", self.seed, view.name);
            stored += usize::from(expected.is_some());
        }
        assert_eq!(filled.keys(), stored, "seed {}: keys of {}", self.seed, view.name);
        let in_range = |row: &&Row| row.event.is_some_and(|event| range.0 <= event && event <= range.1);
        let read = view.rows.iter().filter(in_range);
        let null_keys = read.clone().filter(|row| row.key.iter().any(Option::is_none)).count() as u64;
        let without_time = view.rows.iter().filter(|row| row.event.is_none()).count() as u64;
        let figures_of = (filled.figures.rows_read, filled.figures.null_keys, filled.figures.no_event_time);
        assert_eq!(figures_of, (read.count() as u64, null_keys, without_time), "seed {}", self.seed);
        figures.stored += stored as u64;
    }
}

fn value_of(field: &Field) -> Value {
    match field {
        Field::Number(number) => Value::Int64(*number),
        Field::Text(text) => Value::String(text.clone()),
    }
}

/// NaN equals itself as text.
fn shown(row: &impl std::fmt::Debug) -> String {
    format!("{row:?}")
}

impl View {
    fn new(random: &mut StdRng, number: usize, (tick, most): (i64, usize), empty_text: bool) -> Self {
        let entities = pick(random, &KEYS);
        let fitting: Vec<TimeForm> =
            TimeForm::ALL.into_iter().filter(|form| tick % form.tick() == 0).collect();
        let form = pick(random, &fitting);
        // One unit speaks for both columns.
        let alike: Vec<TimeForm> = fitting
            .into_iter()
            .filter(|other| other.unit().is_none() || form.unit().is_none() || other.unit() == form.unit())
            .collect();
        let ttl = match random.random_range(0..4) {
            0 => 0,
            1 => (tick * random.random_range(1..6) - 1).max(1),
            _ => tick * random.random_range(1..6),
        };
        let keys = join_keys(entities);
        let latest = pick(random, &[0, 3, 12]);
        let rows = (0..random.random_range(0..=most)).map(|_| {
            let event = tick * random.random_range(-2..latest);
            let created = tick * random.random_range(-2..latest);
            Row {
                key: keys.iter().map(|(_, kind)| some_field(random, kind, empty_text)).collect(),
                event: unless(random, 0.08, event),
                created: unless(random, 0.3, created),
            }
        });
        let rows = rows.collect();
        Self { name: format!("view{number}"), entities, forms: (form, pick(random, &alike)), ttl, rows }
    }

    fn source(&self) -> DataSource {
        DataSource {
            created_timestamp_column: Some("created".to_owned()),
            timestamp_unit: self.forms.0.unit().or(self.forms.1.unit()),
            ..file_source("")
        }
    }

    fn table(&self, random: &mut StdRng) -> RecordBatch {
        let rows_of = &self.rows;
        let places = 0..rows_of.len();
        let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
        for (at, (name, _)) in join_keys(self.entities).into_iter().enumerate() {
            let fields: Vec<Option<Field>> = rows_of.iter().map(|row| row.key[at].clone()).collect();
            columns.push((name, key_column(random, &fields, name == "code")));
        }
        columns.push(("text", Arc::new(places.clone().map(text_at).collect::<StringArray>())));
        columns.push(("ts", self.forms.0.column(&rows_of.iter().map(|row| row.event).collect::<Vec<_>>())));
        columns.push(("number", Arc::new(places.clone().map(number_at).collect::<Int64Array>())));
        columns.push((
            "created",
            self.forms.1.column(&rows_of.iter().map(|row| row.created).collect::<Vec<_>>()),
        ));
        columns.push(("single", Arc::new(places.map(double_at).collect::<Float64Array>())));
        rows(columns)
    }

    fn check(
        &self,
        result: &RecordBatch,
        entities: &Entities,
        (sight, seed): (Sight, u64),
        figures: &mut Figures,
    ) {
        let column = |name: &str| result.column_by_name(&format!("{}__{name}", self.name)).unwrap();
        let numbers = column("number").as_primitive::<Int64Type>();
        let singles = column("single").as_primitive::<Float32Type>();
        let texts = column("text").as_string::<i32>();
        for (row, time) in entities.times.iter().enumerate() {
            let key = entities.key(self.entities, row);
            let expected = oracle::found(&self.rows, &key, *time, sight);
            let answer = (
                numbers.is_valid(row).then(|| numbers.value(row)),
                singles.is_valid(row).then(|| singles.value(row)),
                texts.is_valid(row).then(|| texts.value(row).to_owned()),
            );
            let wanted = expected
                .map_or((None, None, None), |place| (number_at(place), single_at(place), text_at(place)));
            assert_eq!(
                shown(&answer),
                shown(&wanted),
                "seed {seed}: {} of entity row {row} ({key:?} at {time:?}): row {expected:?} was expected",
                self.name
            );
            figures.count(&self.rows, (&key, *time), (sight, expected));
        }
    }
}

impl Figures {
    /// Panics when some kind of answer came up too rarely in so many histories.
    pub fn are_worth_something(&self, histories: u64) {
        assert!(self.found > 3 * histories && self.stored > histories / 2, "{self:?}");
        assert!(self.too_old > histories / 2 && self.ties > histories / 4, "{self:?}");
        assert!(self.out_of_sight > histories / 4, "{self:?}");
    }

    fn count(
        &mut self,
        rows: &[Row],
        (key, time): (&Key, Option<i64>),
        (sight, found): (Sight, Option<usize>),
    ) {
        self.answers += 1;
        self.found += u64::from(found.is_some());
        let without_ttl = oracle::found(rows, key, time, Sight { ttl: 0, ..sight });
        self.too_old += u64::from(found.is_none() && without_ttl.is_some());
        let plain = Sight { matching: EventTimeMatch::AtOrBefore, known_by: false, ..sight };
        self.out_of_sight += u64::from(found != oracle::found(rows, key, time, plain));
        if let Some(place) = found {
            let first = rows.iter().position(|row| row.key == *key && row.event == rows[place].event);
            self.ties += u64::from(first != Some(place));
        }
    }
}

/// A column of a key in some type that a source may have.
fn key_column(random: &mut StdRng, fields: &[Option<Field>], is_text: bool) -> ArrayRef {
    let texts = fields.iter().map(|field| match field {
        Some(Field::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    let numbers = fields.iter().map(|field| match field {
        Some(Field::Number(number)) => Some(*number),
        _ => None,
    });
    match (is_text, random.random_range(0..3)) {
        (true, 0) => Arc::new(texts.collect::<StringArray>()),
        (true, 1) => Arc::new(texts.collect::<LargeStringArray>()),
        (true, _) => Arc::new(texts.collect::<DictionaryArray<Int32Type>>()),
        (false, 0) => {
            Arc::new(numbers.map(|number| Some(i8::try_from(number?).unwrap())).collect::<Int8Array>())
        }
        (false, 1) => {
            Arc::new(numbers.map(|number| Some(i32::try_from(number?).unwrap())).collect::<Int32Array>())
        }
        (false, _) => Arc::new(numbers.collect::<Int64Array>()),
    }
}

impl Entities {
    fn key(&self, entities: &[&str], row: usize) -> Key {
        join_keys(entities).iter().map(|(name, _)| self.columns[name][row].clone()).collect()
    }

    fn frame(&self, random: &mut StdRng, tick: i64) -> EntityRows {
        let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
        for (name, fields) in &self.columns {
            columns.push((name, key_column(random, fields, ["code", "left"].contains(name))));
        }
        let on_ticks = self.times.iter().flatten().all(|time| time % tick == 0);
        let fitting = |form: &TimeForm| {
            form.unit().is_none() && if on_ticks { tick % form.tick() == 0 } else { form.tick() == 1 }
        };
        let forms: Vec<TimeForm> = TimeForm::ALL.into_iter().filter(fitting).collect();
        columns.push(("event_timestamp", pick(random, &forms).column(&self.times)));
        columns.push(("label", Arc::new((0..self.times.len() as i64).collect::<Int64Array>())));
        frame(columns)
    }

    /// Every entity row is there once, in its order, with its own columns.
    fn came_back(&self, result: &RecordBatch, seed: u64) {
        assert_eq!(result.num_rows(), self.times.len(), "seed {seed}: number of rows");
        if let Some(label) = result.column_by_name("label") {
            assert_eq!(**label, (0..self.times.len() as i64).collect::<Int64Array>(), "seed {seed}");
            return;
        }
        let times = result.column_by_name("event_timestamp").unwrap();
        let times: Vec<_> = times.as_primitive::<TimestampNanosecondType>().iter().collect();
        assert_eq!(times, self.times, "seed {seed}: times of rows");
        for (name, fields) in &self.columns {
            let column = result.column_by_name(name).unwrap();
            let field = |row: usize| match column.as_string_opt::<i32>() {
                Some(texts) => texts.is_valid(row).then(|| Field::Text(texts.value(row).to_owned())),
                None => {
                    let numbers = column.as_primitive::<Int64Type>();
                    numbers.is_valid(row).then(|| Field::Number(numbers.value(row)))
                }
            };
            let found: Vec<_> = (0..column.len()).map(field).collect();
            assert_eq!(found, *fields, "seed {seed}: column {name} of rows");
        }
    }
}
