//! What is counted in: numbers that any thread changes without waiting for another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use provender_core::time::{NANOS_PER_SECOND, Timestamp};

/// A number that grows.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds.
    pub fn add(&self, count: u64) {
        if count > 0 {
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// What it has come to.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that is set.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// What it was set to last.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The time since an instant.
#[derive(Clone, Debug)]
pub struct Age(Arc<AtomicI64>);

const NEVER: i64 = i64::MIN;

impl Default for Age {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NEVER)))
    }
}

impl Age {
    /// From now on it is the time since this instant.
    pub fn since(&self, instant: Timestamp) {
        self.0.store(instant.as_nanos(), Ordering::Relaxed);
    }

    /// Seconds since the instant; nothing where there was none yet, and zero before it.
    #[expect(clippy::cast_precision_loss, reason = "a metric, not a time")]
    pub fn seconds(&self, now: Timestamp) -> Option<f64> {
        let since = self.0.load(Ordering::Relaxed);
        let nanos = now.as_nanos().saturating_sub(since).max(0);
        (since != NEVER).then(|| nanos as f64 / NANOS_PER_SECOND as f64)
    }
}

/// Many values: buckets that grow, and a few values as they were.
#[derive(Clone, Debug)]
pub struct Distribution(Arc<Values>);

#[derive(Debug)]
struct Values {
    bounds: &'static [u64],
    /// One for each bound, and one for what is above all of them.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    sample: Sample,
    /// Whether anybody takes the sample.
    is_sampled: Arc<AtomicBool>,
}

/// What a distribution has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Buckets {
    /// Upper bounds with the number of values in each bucket; the last has no bound.
    pub(super) counts: Vec<(Option<u64>, u64)>,
    pub(super) sum: u64,
    pub(super) count: u64,
}

impl Distribution {
    pub(super) fn new(bounds: &'static [u64], is_sampled: Arc<AtomicBool>) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        let (sum, sample) = (AtomicU64::new(0), Sample::default());
        Self(Arc::new(Values { bounds, buckets, sum, sample, is_sampled }))
    }

    /// Adds a number of things.
    pub fn record(&self, value: u64) {
        let bucket = self.0.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.0.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.0.sum.fetch_add(value, Ordering::Relaxed);
        if self.0.is_sampled.load(Ordering::Relaxed) {
            self.0.sample.offer(value);
        }
    }

    /// Adds a duration, for metrics in seconds.
    pub fn record_duration(&self, duration: Duration) {
        self.record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn buckets(&self) -> Buckets {
        let bounds = self.0.bounds.iter().copied().map(Some).chain([None]);
        let counts: Vec<_> =
            bounds.zip(self.0.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed))).collect();
        let count = counts.iter().map(|(_, count)| count).sum();
        Buckets { counts, sum: self.0.sum.load(Ordering::Relaxed), count }
    }

    /// Takes the values that were kept since the last time, and how many they stand for.
    pub(super) fn take_sample(&self) -> (Vec<u64>, u64) {
        self.0.sample.take()
    }
}

/// So many values of a distribution are kept between two looks.
pub(super) const KEPT_VALUES: usize = 64;
const EMPTY: u64 = u64::MAX;

/// A uniform sample of the values since the last look: Vitter's algorithm R, with every slot a number of its own. Two
/// threads that write one slot leave one of two values that were both drawn fairly.
#[derive(Debug)]
struct Sample {
    seen: AtomicU64,
    /// What draws come from.
    draws: AtomicU64,
    slots: [AtomicU64; KEPT_VALUES],
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            seen: AtomicU64::new(0),
            draws: AtomicU64::new(0),
            slots: [const { AtomicU64::new(EMPTY) }; KEPT_VALUES],
        }
    }
}

impl Sample {
    fn offer(&self, value: u64) {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        let slot = if seen < KEPT_VALUES as u64 { seen } else { self.draw() % (seen + 1) };
        if let Some(slot) = usize::try_from(slot).ok().and_then(|slot| self.slots.get(slot)) {
            slot.store(value.min(EMPTY - 1), Ordering::Relaxed);
        }
    }

    /// Each value is told once, also one that was counted and is not in its slot yet: it stands behind the others then.
    fn take(&self) -> (Vec<u64>, u64) {
        let seen = self.seen.swap(0, Ordering::Relaxed);
        let slots = self.slots.iter().map(|slot| slot.swap(EMPTY, Ordering::Relaxed));
        let mut kept: Vec<u64> = slots.filter(|value| *value != EMPTY).collect();
        kept.truncate(usize::try_from(seen).unwrap_or(usize::MAX));
        if kept.is_empty() {
            self.seen.fetch_add(seen, Ordering::Relaxed);
            return (kept, 0);
        }
        (kept, seen)
    }

    /// A random number: SplitMix64.
    fn draw(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let number = self.draws.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}
