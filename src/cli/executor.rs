//! The one place that builds async runtimes, and the signals that stop work in it.

use std::thread;
use std::time::Duration;

use provender_runtime::processors;
use tokio::runtime::{Builder, Handle};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::error::{CommandError, CommandResult};

/// Runs a future to its end on a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = CommandResult<T>>) -> CommandResult<T> {
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(not_started)?;
    let result = runtime.block_on(future);
    // Work on blocking threads that nobody waits for any more must not hold the exit.
    runtime.shutdown_background();
    result
}

fn not_started(error: std::io::Error) -> CommandError {
    CommandError::new("could not start the async runtime").because(error)
}

/// An async runtime of one thread for each processor. What is given to one of them stays on its thread: it is woken up there,
/// and nothing has to be told to another thread.
pub(crate) struct EventLoops {
    handles: Vec<Handle>,
    /// They run as long as it is there.
    _running: watch::Sender<()>,
}

/// Each loop has a timer that ends so soon that it is the next to end. To set one that is would cost a call of the system, and
/// a request that waits for a store sets some.
const NEXT_TIMER: Duration = Duration::from_millis(250);

impl EventLoops {
    /// Starts the threads.
    pub(crate) fn start() -> CommandResult<Self> {
        let (running, ended) = watch::channel(());
        let event_loop = |number| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (handle, mut ended) = (runtime.handle().clone(), ended.clone());
            let run = move || {
                runtime.block_on(async {
                    let mut timer = tokio::time::interval(NEXT_TIMER);
                    loop {
                        tokio::select! {
                            _ = timer.tick() => {}
                            // Nothing is ever sent: nobody keeps the loops any more.
                            _ = ended.changed() => break,
                        }
                    }
                });
                runtime.shutdown_background();
            };
            thread::Builder::new().name(format!("event-loop-{number}")).spawn(run)?;
            Ok(handle)
        };
        let handles = (0..processors()).map(event_loop).collect::<Result<_, _>>().map_err(not_started)?;
        Ok(Self { handles, _running: running })
    }

    /// Where to give them work.
    pub(crate) fn handles(&self) -> Vec<Handle> {
        self.handles.clone()
    }
}

/// Lets every other process have the processor first, from here on: work in bulk must not make answers late that a server
/// on the same machine owes somebody. Where that is not allowed it is not done.
///
/// On Linux the lowest priority still keeps a thread that wakes up waiting for a time slice; the policy for idle time does not.
pub(crate) fn yield_to_others() {
    let _ = rustix::process::nice(19);
    #[cfg(target_os = "linux")]
    {
        use thread_priority::unix::{
            NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
            thread_native_id,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let lowest = thread_priority::ThreadPriority::Min;
        let _ = set_thread_priority_and_policy(thread_native_id(), lowest, idle);
    }
}

/// Takes as many open files as the system allows this process, and says how many those are. What a process is given at first
/// is meant for old programs, and a connection is a file.
pub(crate) fn allow_open_files() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let allowed = if raised.is_ok() { maximum } else { current };
    allowed.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
}

/// What is said at the first signal and at the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopWords {
    /// What is still done.
    pub(crate) first: &'static str,
    /// How it was left.
    pub(crate) second: &'static str,
    /// How both are said.
    pub(crate) say: fn(&str),
}

/// Does something at each SIGHUP, which ends the process where nobody listens for it.
pub(crate) fn on_hangup(act: impl Fn() + Send + 'static) -> CommandResult<()> {
    let mut hangup = listen(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            act();
        }
    });
    Ok(())
}

fn listen(kind: SignalKind) -> CommandResult<Signal> {
    signal(kind).map_err(|error| CommandError::new("could not listen for signals").because(error))
}

/// Becomes `true` at the first Ctrl-C or SIGTERM; the second one ends the process at once with exit code 1.
pub(crate) fn stop_signal(words: StopWords) -> CommandResult<watch::Receiver<bool>> {
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        for round in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if round == 0 {
                (words.say)(words.first);
                let _ = sender.send(true);
            } else {
                (words.say)(words.second);
                std::process::exit(1);
            }
        }
    });
    Ok(receiver)
}
