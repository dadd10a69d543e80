//! Everything that is left to chance, from one seed; and one node's share of it: delays, stalls, crashes.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use provender_core::time::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep, sleep_until};

use crate::clock::Clock;

/// Longer than a lease.
const STALL: Duration = Duration::from_secs(100);

/// A source of decisions that all actors share.
#[derive(Clone, Debug)]
pub(super) struct Fate {
    random: Arc<Mutex<StdRng>>,
    quiet: Arc<AtomicBool>,
}

impl Fate {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))), quiet: Arc::default() }
    }

    /// From now on nothing goes wrong.
    pub(super) fn be_quiet(&self) {
        self.quiet.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Relaxed)
    }

    /// A number from `low` to below `high`.
    pub(super) fn between(&self, low: u64, high: u64) -> u64 {
        self.random.lock().expect("no actor panics while it draws").random_range(low..high)
    }

    pub(super) fn one_in(&self, count: u64) -> bool {
        self.between(0, count) == 0
    }

    pub(super) async fn wait_up_to(&self, milliseconds: u64) {
        sleep(Duration::from_millis(self.between(0, milliseconds))).await;
    }
}

/// A process of the simulation.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) fate: Fate,
    stalled_until: Mutex<Instant>,
    stalls: AtomicU64,
}

impl Node {
    pub(super) fn new(fate: &Fate) -> Arc<Self> {
        Arc::new(Self {
            fate: fate.clone(),
            stalled_until: Mutex::new(Instant::now()),
            stalls: AtomicU64::new(0),
        })
    }

    /// Whether the process ever stood still for longer than a lease.
    pub(super) fn has_stalled(&self) -> bool {
        self.stalls.load(Ordering::Relaxed) > 0
    }

    /// An await point: others may go on, time may pass, the whole process may stand still.
    pub(super) async fn pause(&self) {
        if self.fate.is_quiet() {
            return;
        }
        match self.fate.between(0, 500) {
            0 => {
                self.stalls.fetch_add(1, Ordering::Relaxed);
                *self.stalled_until.lock().expect("no actor panics here") = Instant::now() + STALL;
            }
            1..250 => tokio::task::yield_now().await,
            _ => self.fate.wait_up_to(40).await,
        }
        let until = *self.stalled_until.lock().expect("no actor panics here");
        sleep_until(until).await;
    }
}

/// The paused clock of the runtime, as a time of day.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimulatedClock {
    started: Instant,
}

impl SimulatedClock {
    pub(super) fn new(started: Instant) -> Self {
        Self { started }
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let since = i64::try_from(self.started.elapsed().as_nanos()).unwrap_or(i64::MAX / 2);
        Timestamp::from_nanos(1_700_000_000_000_000_000 + since)
    }
}

/// A future that is dropped after so many polls: a crash at whatever await point it has reached.
pub(super) struct Crashing<F> {
    inner: Option<Pin<Box<F>>>,
    polls_left: u64,
}

impl<F: Future> Crashing<F> {
    pub(super) fn new(future: F, polls_left: u64) -> Self {
        Self { inner: Some(Box::pin(future)), polls_left }
    }
}

impl<F: Future> Future for Crashing<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == 0 {
            self.inner = None;
            return Poll::Ready(None);
        }
        self.polls_left -= 1;
        match &mut self.inner {
            Some(inner) => inner.as_mut().poll(context).map(Some),
            None => Poll::Ready(None),
        }
    }
}
