//! Where all that is recorded is kept: a series for each metric and each set of label values.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use provender_core::time::Timestamp;

use super::series::{Age, Counter, Distribution, Gauge};
use super::table::{Kind, Metric};
use crate::clock::{Clock, SystemClock};

/// Holds the figures of a process. Clones share them.
///
/// A series is looked up by its labels once, under a lock, and then counted in without any: who records often keeps it.
#[derive(Clone, Debug)]
pub struct Recorder {
    series: Arc<Mutex<AllSeries>>,
    is_sampled: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
}

/// By name and label values, in the order of the latter.
type AllSeries = BTreeMap<&'static str, BTreeMap<Vec<String>, Series>>;

/// A series of any kind.
#[derive(Clone, Debug)]
pub(super) enum Series {
    Counter(Counter),
    Gauge(Gauge),
    Age(Age),
    Distribution(Distribution),
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl Recorder {
    /// Nothing recorded yet. The clock tells how old is what has an age.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { series: Arc::default(), is_sampled: Arc::default(), clock }
    }

    /// The counter of a metric and values of its labels.
    pub fn counter(&self, metric: &'static Metric, labels: &[&str]) -> Counter {
        match self.find(metric, labels) {
            Series::Counter(counter) => counter,
            _ => Counter::default(),
        }
    }

    /// The gauge of a metric and values of its labels.
    pub fn gauge(&self, metric: &'static Metric, labels: &[&str]) -> Gauge {
        match self.find(metric, labels) {
            Series::Gauge(gauge) => gauge,
            _ => Gauge::default(),
        }
    }

    /// The age of a metric and values of its labels.
    pub fn age(&self, metric: &'static Metric, labels: &[&str]) -> Age {
        match self.find(metric, labels) {
            Series::Age(age) => age,
            _ => Age::default(),
        }
    }

    /// The distribution of a metric and values of its labels.
    pub fn distribution(&self, metric: &'static Metric, labels: &[&str]) -> Distribution {
        match self.find(metric, labels) {
            Series::Distribution(distribution) => distribution,
            _ => Distribution::new(&[], Arc::default()),
        }
    }

    /// From now on some values of distributions are kept as they are, for who takes them out.
    pub(super) fn sample(&self) {
        self.is_sampled.store(true, Ordering::Relaxed);
    }

    fn find(&self, metric: &'static Metric, labels: &[&str]) -> Series {
        debug_assert_eq!(metric.labels.len(), labels.len(), "labels of {}", metric.name);
        let labels = labels.iter().map(|value| (*value).to_owned()).collect();
        let mut all = self.all();
        let series = all.entry(metric.name).or_default().entry(labels);
        series.or_insert_with(|| self.begin(metric.kind)).clone()
    }

    fn begin(&self, kind: Kind) -> Series {
        match kind {
            Kind::Counter => Series::Counter(Counter::default()),
            Kind::Gauge => Series::Gauge(Gauge::default()),
            Kind::Age => Series::Age(Age::default()),
            Kind::Distribution(bounds) => {
                Series::Distribution(Distribution::new(bounds, self.is_sampled.clone()))
            }
        }
    }

    /// The series of a metric, by the values of its labels.
    pub(super) fn series(&self, metric: &Metric) -> Vec<(Vec<String>, Series)> {
        let all = self.all();
        let of_metric = all.get(metric.name).into_iter().flatten();
        of_metric.map(|(labels, series)| (labels.clone(), series.clone())).collect()
    }

    /// The time that ages are counted to.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Nothing can be half done in it, so a thread that died with the lock left it whole.
    fn all(&self) -> MutexGuard<'_, AllSeries> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
