//! One table of edge cases: a few source rows, one entity row, one answer. Each case runs in every form of time, cut in
//! several ways.

use std::sync::Arc;

use arrow::array::{AsArray as _, Float64Array, Int64Array};
use arrow::datatypes::Float64Type;
use provender_core::encoding::Cell;
use provender_core::model::{DataSource, FeatureView, Value, ValueType};
use provender_core::time::Duration;

use super::super::{feature_view, file_source, int_key};
use super::load::Filled;
use super::time_form::TimeForm;
use super::{Held, HistoryBackend, Pieces, Scene, ask_for, frame, rows};
use crate::historical::EventTimeMatch;

/// Key, event time, created time, value. Times count ticks of the form that the case runs in.
type Row = (Option<i64>, Option<i64>, Option<i64>, Option<f64>);

struct Case {
    name: &'static str,
    ttl: i64,
    mode: (EventTimeMatch, bool),
    rows: &'static [Row],
    entity: (Option<i64>, Option<i64>),
    expected: Option<f64>,
}

const AT: (EventTimeMatch, bool) = (EventTimeMatch::AtOrBefore, false);
const STRICT: (EventTimeMatch, bool) = (EventTimeMatch::StrictlyBefore, false);
const KNOWN: (EventTimeMatch, bool) = (EventTimeMatch::AtOrBefore, true);
const STRICT_AND_KNOWN: (EventTimeMatch, bool) = (EventTimeMatch::StrictlyBefore, true);
const KEY: Option<i64> = Some(1);

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { name: "the row at the very time counts", ttl: 10, mode: AT, rows: &[(KEY, Some(50), None, Some(1.0))], entity: (KEY, Some(50)), expected: Some(1.0) },
    Case { name: "the row at the far end of ttl counts", ttl: 10, mode: AT, rows: &[(KEY, Some(40), None, Some(1.0))], entity: (KEY, Some(50)), expected: Some(1.0) },
    Case { name: "one tick past ttl does not", ttl: 10, mode: AT, rows: &[(KEY, Some(39), None, Some(1.0))], entity: (KEY, Some(50)), expected: None },
    Case { name: "one tick in the future does not", ttl: 10, mode: AT, rows: &[(KEY, Some(51), None, Some(1.0))], entity: (KEY, Some(50)), expected: None },
    Case { name: "rows in the future alone", ttl: 0, mode: AT, rows: &[(KEY, Some(51), None, Some(1.0)), (KEY, Some(90), None, Some(2.0))], entity: (KEY, Some(50)), expected: None },
    Case { name: "the shortest ttl keeps the very time", ttl: 1, mode: AT, rows: &[(KEY, Some(48), None, Some(1.0)), (KEY, Some(50), None, Some(2.0))], entity: (KEY, Some(50)), expected: Some(2.0) },
    Case { name: "the shortest ttl ends one tick before", ttl: 1, mode: AT, rows: &[(KEY, Some(48), None, Some(1.0)), (KEY, Some(49), None, Some(2.0))], entity: (KEY, Some(50)), expected: Some(2.0) },
    Case { name: "the shortest ttl reaches no farther", ttl: 1, mode: AT, rows: &[(KEY, Some(48), None, Some(1.0))], entity: (KEY, Some(50)), expected: None },
    Case { name: "no ttl has no lower end", ttl: 0, mode: AT, rows: &[(KEY, Some(i64::MIN), None, Some(1.0))], entity: (KEY, Some(i64::MAX)), expected: Some(1.0) },
    Case { name: "a ttl that reaches before the first instant", ttl: i64::MAX, mode: AT, rows: &[(KEY, Some(i64::MIN), None, Some(1.0))], entity: (KEY, Some(-5)), expected: Some(1.0) },
    Case { name: "before the epoch", ttl: 10, mode: AT, rows: &[(KEY, Some(-15), None, Some(1.0)), (KEY, Some(-16), None, Some(2.0)), (KEY, Some(-4), None, Some(3.0))], entity: (KEY, Some(-5)), expected: Some(1.0) },
    Case { name: "the newest of several", ttl: 0, mode: AT, rows: &[(KEY, Some(3), None, Some(3.0)), (KEY, Some(7), None, Some(7.0)), (KEY, Some(5), None, Some(5.0))], entity: (KEY, Some(8)), expected: Some(7.0) },
    Case { name: "an expired newest row hides no older one that is alive", ttl: 5, mode: AT, rows: &[(KEY, Some(5), None, Some(5.0)), (KEY, Some(3), None, Some(3.0))], entity: (KEY, Some(11)), expected: None },
    Case { name: "event time goes before created time", ttl: 0, mode: AT, rows: &[(KEY, Some(5), Some(7), Some(1.0)), (KEY, Some(4), Some(9), Some(2.0))], entity: (KEY, Some(9)), expected: Some(1.0) },
    Case { name: "ties of event time go to the newest created", ttl: 0, mode: AT, rows: &[(KEY, Some(5), Some(9), Some(1.0)), (KEY, Some(5), Some(8), Some(2.0))], entity: (KEY, Some(5)), expected: Some(1.0) },
    Case { name: "ties of event time may be created after the time asked for", ttl: 0, mode: AT, rows: &[(KEY, Some(5), Some(4), Some(1.0)), (KEY, Some(5), Some(80), Some(2.0))], entity: (KEY, Some(6)), expected: Some(2.0) },
    Case { name: "no created time sorts first", ttl: 0, mode: AT, rows: &[(KEY, Some(5), Some(-9), Some(1.0)), (KEY, Some(5), None, Some(2.0))], entity: (KEY, Some(5)), expected: Some(1.0) },
    Case { name: "no created time sorts before the first instant", ttl: 0, mode: AT, rows: &[(KEY, Some(5), Some(i64::MIN), Some(1.0)), (KEY, Some(5), None, Some(2.0))], entity: (KEY, Some(5)), expected: Some(1.0) },
    Case { name: "full ties go to the last row", ttl: 0, mode: AT, rows: &[(KEY, Some(5), Some(9), Some(1.0)), (KEY, Some(5), Some(9), Some(2.0))], entity: (KEY, Some(5)), expected: Some(2.0) },
    Case { name: "full ties without created time too", ttl: 0, mode: AT, rows: &[(KEY, Some(5), None, Some(1.0)), (KEY, Some(5), None, Some(2.0)), (Some(2), Some(5), None, Some(3.0))], entity: (KEY, Some(7)), expected: Some(2.0) },
    Case { name: "a null value of the newest row is the answer", ttl: 0, mode: AT, rows: &[(KEY, Some(4), None, Some(1.0)), (KEY, Some(5), None, None)], entity: (KEY, Some(5)), expected: None },
    Case { name: "NaN is a value", ttl: 0, mode: AT, rows: &[(KEY, Some(4), None, Some(1.0)), (KEY, Some(5), None, Some(f64::NAN))], entity: (KEY, Some(5)), expected: Some(f64::NAN) },
    Case { name: "minus zero stays what it is", ttl: 0, mode: AT, rows: &[(KEY, Some(5), None, Some(-0.0))], entity: (KEY, Some(5)), expected: Some(-0.0) },
    Case { name: "a null key in the frame finds nothing", ttl: 0, mode: AT, rows: &[(None, Some(5), None, Some(1.0)), (KEY, Some(5), None, Some(2.0))], entity: (None, Some(5)), expected: None },
    Case { name: "a null key in the source is nobody's", ttl: 0, mode: AT, rows: &[(KEY, Some(4), None, Some(2.0)), (None, Some(5), None, Some(1.0))], entity: (KEY, Some(5)), expected: Some(2.0) },
    Case { name: "a null time in the frame finds nothing", ttl: 0, mode: AT, rows: &[(KEY, Some(5), None, Some(2.0))], entity: (KEY, None), expected: None },
    Case { name: "a source row without event time is no candidate", ttl: 0, mode: AT, rows: &[(KEY, Some(5), None, Some(1.0)), (KEY, None, Some(7), Some(2.0))], entity: (KEY, Some(9)), expected: Some(1.0) },
    Case { name: "source rows without event time alone", ttl: 0, mode: AT, rows: &[(KEY, None, None, Some(1.0)), (KEY, None, Some(7), Some(2.0))], entity: (KEY, Some(9)), expected: None },
    Case { name: "an unknown key finds nothing", ttl: 0, mode: AT, rows: &[(KEY, Some(5), None, Some(1.0))], entity: (Some(2), Some(9)), expected: None },
    Case { name: "an empty source", ttl: 0, mode: AT, rows: &[], entity: (KEY, Some(9)), expected: None },
    Case { name: "strictly before leaves out the very time", ttl: 0, mode: STRICT, rows: &[(KEY, Some(4), None, Some(1.0)), (KEY, Some(5), None, Some(2.0))], entity: (KEY, Some(5)), expected: Some(1.0) },
    Case { name: "strictly before keeps the tick before", ttl: 1, mode: STRICT, rows: &[(KEY, Some(4), None, Some(1.0))], entity: (KEY, Some(5)), expected: Some(1.0) },
    Case { name: "strictly before keeps the far end of ttl", ttl: 5, mode: STRICT, rows: &[(KEY, Some(0), None, Some(1.0))], entity: (KEY, Some(5)), expected: Some(1.0) },
    Case { name: "strictly before does not reach past ttl", ttl: 5, mode: STRICT, rows: &[(KEY, Some(-1), None, Some(1.0)), (KEY, Some(5), None, Some(2.0))], entity: (KEY, Some(5)), expected: None },
    Case { name: "known-by leaves out what was written later", ttl: 0, mode: KNOWN, rows: &[(KEY, Some(4), Some(4), Some(1.0)), (KEY, Some(5), Some(7), Some(2.0))], entity: (KEY, Some(6)), expected: Some(1.0) },
    Case { name: "known-by includes what was written at the time", ttl: 0, mode: KNOWN, rows: &[(KEY, Some(4), Some(4), Some(1.0)), (KEY, Some(5), Some(6), Some(2.0))], entity: (KEY, Some(6)), expected: Some(2.0) },
    Case { name: "known-by without created time goes by event time", ttl: 0, mode: KNOWN, rows: &[(KEY, Some(5), None, Some(2.0))], entity: (KEY, Some(6)), expected: Some(2.0) },
    Case { name: "known-by: written late, but before the event", ttl: 0, mode: KNOWN, rows: &[(KEY, Some(5), Some(1), Some(2.0))], entity: (KEY, Some(4)), expected: None },
    Case { name: "known-by: an older row written late does not win", ttl: 0, mode: KNOWN, rows: &[(KEY, Some(5), Some(5), Some(1.0)), (KEY, Some(4), Some(8), Some(2.0))], entity: (KEY, Some(9)), expected: Some(1.0) },
    Case { name: "known-by: the ttl counts from the event, not from the writing", ttl: 3, mode: KNOWN, rows: &[(KEY, Some(5), Some(9), Some(1.0))], entity: (KEY, Some(9)), expected: None },
    Case { name: "strictly before bounds the event only", ttl: 0, mode: STRICT_AND_KNOWN, rows: &[(KEY, Some(4), Some(6), Some(1.0)), (KEY, Some(6), Some(6), Some(2.0))], entity: (KEY, Some(6)), expected: Some(1.0) },
    Case { name: "strictly before and known-by both bind", ttl: 0, mode: STRICT_AND_KNOWN, rows: &[(KEY, Some(3), None, Some(1.0)), (KEY, Some(4), Some(7), Some(2.0)), (KEY, Some(6), Some(5), Some(3.0))], entity: (KEY, Some(6)), expected: Some(1.0) },
];

const CUTS: [Pieces; 4] = [
    Pieces { file: 1, group: 1, page: 1 },
    Pieces { file: 2, group: 1, page: 1 },
    Pieces { file: 100, group: 2, page: 1 },
    Pieces { file: 100, group: 100, page: 100 },
];

/// Runs every case in every form that can hold its times, and in every cut.
pub(super) async fn run(backend: &dyn HistoryBackend) {
    for case in CASES {
        for (number, form) in TimeForm::ALL.into_iter().enumerate() {
            let Some(case) = case.in_ticks(form.tick()) else { continue };
            // The first form meets every cut; the cuts go round with the others.
            let cuts = if number == 0 { &CUTS[..] } else { &CUTS[number % CUTS.len()..][..1] };
            for pieces in cuts {
                case.run(backend, form, *pieces).await;
            }
        }
    }
}

/// A case whose times are nanoseconds.
struct Scaled {
    case: &'static Case,
    ttl: i64,
    rows: Vec<Row>,
    time: Option<i64>,
}

impl Case {
    /// None when a time of it lies outside of what nanoseconds can count.
    fn in_ticks(&'static self, tick: i64) -> Option<Scaled> {
        let scale = |time: Option<i64>| match time {
            Some(time) => Some(Some(time.checked_mul(tick)?)),
            None => Some(None),
        };
        let rows = self.rows.iter().map(|row| Some((row.0, scale(row.1)?, scale(row.2)?, row.3)));
        Some(Scaled {
            case: self,
            ttl: self.ttl.checked_mul(tick)?,
            rows: rows.collect::<Option<Vec<_>>>()?,
            time: scale(self.entity.1)?,
        })
    }
}

impl Scaled {
    fn scene(&self, form: TimeForm) -> Scene {
        let source = DataSource {
            created_timestamp_column: Some("created".to_owned()),
            timestamp_unit: form.unit(),
            ..file_source("")
        };
        let times =
            |which: fn(&Row) -> Option<i64>| form.column(&self.rows.iter().map(which).collect::<Vec<_>>());
        let table = rows(vec![
            ("driver_id", Arc::new(self.rows.iter().map(|row| row.0).collect::<Int64Array>())),
            ("ts", times(|row| row.1)),
            ("created", times(|row| row.2)),
            ("v", Arc::new(self.rows.iter().map(|row| row.3).collect::<Float64Array>())),
        ]);
        let view = FeatureView {
            ttl: Duration::from_nanos(self.ttl).unwrap(),
            ..feature_view("s", &["driver"], &[("v", ValueType::Float64)])
        };
        Scene::new().source("s", source, table).view("stats", view)
    }

    async fn run(&self, backend: &dyn HistoryBackend, form: TimeForm, pieces: Pieces) {
        let name = format!("{} ({form:?}, {pieces:?})", self.case.name);
        let held = self.scene(form).held_by(backend, pieces).await;
        self.join(&held, form, &name).await;
        self.load(&held, &name).await;
    }

    async fn join(&self, held: &Held, form: TimeForm, name: &str) {
        // Rows of other keys and times around it must not matter.
        let (key, tick) = (self.case.entity.0, form.tick());
        let frame = frame(vec![
            ("driver_id", Arc::new(Int64Array::from(vec![Some(99), key, Some(99)]))),
            ("event_timestamp", form.of_frame().column(&[Some(50 * tick), self.time, Some(tick)])),
        ]);
        let mut request = ask_for(&["stats:v"], frame);
        (request.event_time_match, request.created_before_event_time) = self.case.mode;
        let result = held.ask(&request).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let found = result.batch.column_by_name("v").unwrap().as_primitive::<Float64Type>();
        let bits: Vec<_> = found.iter().map(|value| value.map(f64::to_bits)).collect();
        assert_eq!(bits, [None, self.case.expected.map(f64::to_bits), None], "{name}");
        assert_eq!(result.skipped_rows.values().sum::<u64>(), self.rows_without_time(), "{name}");
    }

    /// A range that ends at the entity row's time and begins a ttl earlier holds the rows that it may see.
    async fn load(&self, held: &Held, name: &str) {
        let (Some(key), Some(time), (matching, false)) = (self.case.entity.0, self.time, self.case.mode)
        else {
            return;
        };
        let start = if self.ttl == 0 { i64::MIN } else { time.saturating_sub(self.ttl) };
        let end = if matching == EventTimeMatch::StrictlyBefore { time - 1 } else { time };
        let filled = Filled::with(held, "stats", (start, end)).await;
        let found = match filled.row(&int_key(key)).await {
            None => None,
            Some((_, cells)) => match cells.as_slice() {
                [Cell::Value(Value::Float64(value))] => Some(value.to_bits()),
                [Cell::Null] => None,
                other => panic!("{name}: {other:?} is stored"),
            },
        };
        assert_eq!(found, self.case.expected.map(f64::to_bits), "{name}, materialized");
        assert_eq!(filled.figures.no_event_time, self.rows_without_time(), "{name}, materialized");
    }

    fn rows_without_time(&self) -> u64 {
        self.rows.iter().filter(|row| row.1.is_none()).count() as u64
    }
}
