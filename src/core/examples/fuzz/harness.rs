//! What fuzzers have in common, whatever they mutate: arguments, numbers by chance, time, and what is kept of a finding. The
//! fuzzer of tables (`providers/local/examples/fuzz`) has this file too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An input that takes more of a processor's time is a finding. What else the machine does counts for nothing.
pub(crate) const SLOW: Duration = Duration::from_secs(1);

/// What was asked for on the command line.
pub(crate) struct Arguments {
    pub(crate) target: String,
    pub(crate) time: Duration,
    pub(crate) random: Random,
}

impl Arguments {
    /// None, and words about the usage, where no target or no time is given.
    pub(crate) fn parse(targets: &[&str]) -> Option<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [target, seconds, rest @ ..] = arguments.as_slice() else {
            println!("usage: fuzz TARGET SECONDS [SEED]; targets: {}", targets.join(", "));
            return None;
        };
        let seed = rest.first().and_then(|seed| seed.parse().ok()).unwrap_or(1);
        let time = Duration::from_secs(seconds.parse().unwrap_or(60));
        Some(Self { target: target.clone(), time, random: Random(seed) })
    }
}

/// Numbers by chance, from a seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { (self.next() % limit as u64) as usize }
    }
}

/// What the process has used up, on all of its threads.
pub(crate) fn processor_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(used).unwrap_or_default()
}

/// The input that is being read, and since when.
pub(crate) type Running<T> = Arc<Mutex<Option<(Instant, T)>>>;

/// A reader that hangs is found by what was running.
pub(crate) fn watch<T: AsRef<[u8]> + Clone + Send + 'static>(running: Running<T>, found: PathBuf) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            if let Some((started, input)) = running.lock().unwrap().clone()
                && started.elapsed() > 10 * SLOW
            {
                println!("hangs: {}", keep(&found, input.as_ref()).display());
                std::process::exit(1);
            }
        }
    });
}

/// Writes an input to a folder, under a name that it gives.
pub(crate) fn keep(folder: &Path, input: &[u8]) -> PathBuf {
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let path = folder.join(format!("{hash:016x}"));
    fs::create_dir_all(folder).and_then(|()| fs::write(&path, input)).unwrap();
    path
}
