//! The metrics: the one table that names, kinds, units, labels and meanings are taken from.

/// What every name begins with.
pub const PREFIX: &str = "provender";

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name, after [`PREFIX`].
    pub name: &'static str,
    /// How it is counted.
    pub kind: Kind,
    /// What it is counted in.
    pub unit: Unit,
    /// Names of its labels, in the order in which they are part of a name where there are no tags.
    pub labels: &'static [&'static str],
    /// What it says: a sentence without its full stop.
    pub meaning: &'static str,
}

/// How a metric is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Grows.
    Counter,
    /// Is what it was set to last.
    Gauge,
    /// Is the time since an instant, whenever it is looked at.
    Age,
    /// Many values; with the upper bounds of buckets, in nanoseconds for [`Unit::Seconds`].
    Distribution(&'static [u64]),
}

/// What a metric is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds. Lines of StatsD give durations in milliseconds, which is what its timers are.
    Seconds,
    /// So many of these.
    Of(&'static str),
}

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;

/// Bounds for what somebody waits for.
const MOMENTS: &[u64] = &[
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    2_500 * MILLISECOND,
    5 * SECOND,
    10 * SECOND,
];

/// Bounds for runs.
const RUNS: &[u64] = &[
    100 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    5 * SECOND,
    15 * SECOND,
    60 * SECOND,
    300 * SECOND,
    900 * SECOND,
    3_600 * SECOND,
    14_400 * SECOND,
];

/// Bounds for numbers of things in one request.
const SIZES: &[u64] = &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// Requests.
pub const REQUESTS: Metric = Metric {
    name: "requests",
    kind: Kind::Counter,
    unit: Unit::Of("requests"),
    labels: &["endpoint", "status"],
    meaning: "Requests that were answered; `status` is `ok` or why not: over HTTP the code of the refusal, over gRPC the status in lower case",
};

/// Latency of requests.
pub const REQUEST_DURATION: Metric = Metric {
    name: "request_duration",
    kind: Kind::Distribution(MOMENTS),
    unit: Unit::Seconds,
    labels: &["endpoint"],
    meaning: "Time from the head of a request to the head of its answer",
};

/// Entities of a request.
pub const REQUEST_ROWS: Metric = Metric {
    name: "request_rows",
    kind: Kind::Distribution(SIZES),
    unit: Unit::Of("rows"),
    labels: &["endpoint"],
    meaning: "Entities that one request asks for, or rows that one writes",
};

/// Features of a request.
pub const REQUEST_FEATURES: Metric = Metric {
    name: "request_features",
    kind: Kind::Distribution(SIZES),
    unit: Unit::Of("features"),
    labels: &["endpoint"],
    meaning: "Features that one request asks for",
};

/// Statuses of values.
pub const FEATURE_STATUS: Metric = Metric {
    name: "feature_status",
    kind: Kind::Counter,
    unit: Unit::Of("values"),
    labels: &["view", "status"],
    meaning: "Values that were read or computed, those that expressions take included, by what is known of them",
};

/// Round trips to the online store.
pub const STORE_DURATION: Metric = Metric {
    name: "store_duration",
    kind: Kind::Distribution(MOMENTS),
    unit: Unit::Seconds,
    labels: &["operation", "outcome"],
    meaning: "Time of one round trip to the online store, for a read (`read`) or a push (`write`); `outcome` is `ok` or `failed`",
};

/// The registry's revision.
pub const REGISTRY_REVISION: Metric = Metric {
    name: "registry_revision",
    kind: Kind::Gauge,
    unit: Unit::Of("revision"),
    labels: &[],
    meaning: "Revision of the registry that requests are answered by",
};

/// How old what is known of the registry is.
pub const REGISTRY_AGE: Metric = Metric {
    name: "registry_age",
    kind: Kind::Age,
    unit: Unit::Seconds,
    labels: &[],
    meaning: "Time since the registry was read last, well",
};

/// Looks at the registry that failed.
pub const REGISTRY_REFRESH_FAILURES: Metric = Metric {
    name: "registry_refresh_failures",
    kind: Kind::Counter,
    unit: Unit::Of("failures"),
    labels: &[],
    meaning: "Looks at the registry that failed; answers go on with what was read before",
};

/// Looks at API keys and certificate that failed.
pub const CREDENTIAL_REFRESH_FAILURES: Metric = Metric {
    name: "credential_refresh_failures",
    kind: Kind::Counter,
    unit: Unit::Of("failures"),
    labels: &[],
    meaning: "Looks at the files of API keys and certificate that failed; those that were read before still count",
};

/// Rows of materialization.
pub const MATERIALIZE_ROWS: Metric = Metric {
    name: "materialize_rows",
    kind: Kind::Counter,
    unit: Unit::Of("rows"),
    labels: &["view", "outcome"],
    meaning: "Source rows that were `read`, those of them left out for a `null_key` or `no_event_time`, and rows of the newest per key that were `written` or kept out by newer ones (`kept`)",
};

/// Runs of materialization.
pub const MATERIALIZE_DURATION: Metric = Metric {
    name: "materialize_duration",
    kind: Kind::Distribution(RUNS),
    unit: Unit::Seconds,
    labels: &["view", "outcome"],
    meaning: "Time that one run took for one view; `outcome` is `loaded`, `nothing` or `failed`",
};

/// How far materialization is behind.
pub const FRESHNESS: Metric = Metric {
    name: "freshness",
    kind: Kind::Age,
    unit: Unit::Seconds,
    labels: &["view"],
    meaning: "Time since the last event time that is loaded, by the ledger of the view's table as the last run of this process left it",
};

/// Rows of pushes.
pub const PUSH_ROWS: Metric = Metric {
    name: "push_rows",
    kind: Kind::Counter,
    unit: Unit::Of("rows"),
    labels: &["view", "outcome"],
    meaning: "Rows that were pushed: for each live table of a view `written`, kept out by newer ones (`kept`), or left out since an older table cannot hold them (`skipped`); and `appended` to the view's history",
};

/// Steps of applies.
pub const APPLY_STEPS: Metric = Metric {
    name: "apply_steps",
    kind: Kind::Counter,
    unit: Unit::Of("steps"),
    labels: &["action", "outcome"],
    meaning: "Steps of plans: `define`, `create`, `update` or `delete`, each `succeeded`, `failed` or `not_started`",
};

/// Applies.
pub const APPLY_DURATION: Metric = Metric {
    name: "apply_duration",
    kind: Kind::Distribution(RUNS),
    unit: Unit::Seconds,
    labels: &["outcome"],
    meaning: "Time that one apply took; `outcome` is `succeeded`, `failed`, `interrupted`, or `stopped` by the registry or another apply",
};

/// Values that expressions do not have.
pub const EXPRESSION_ERRORS: Metric = Metric {
    name: "expression_errors",
    kind: Kind::Counter,
    unit: Unit::Of("values"),
    labels: &["view", "feature"],
    meaning: "Values of on-demand features that are null though nothing they need is: divisions by zero, overflows, bad casts",
};

/// All of them.
pub static TABLE: [&Metric; 17] = [
    &REQUESTS,
    &REQUEST_DURATION,
    &REQUEST_ROWS,
    &REQUEST_FEATURES,
    &FEATURE_STATUS,
    &EXPRESSION_ERRORS,
    &STORE_DURATION,
    &REGISTRY_REVISION,
    &REGISTRY_AGE,
    &REGISTRY_REFRESH_FAILURES,
    &CREDENTIAL_REFRESH_FAILURES,
    &MATERIALIZE_ROWS,
    &MATERIALIZE_DURATION,
    &FRESHNESS,
    &PUSH_ROWS,
    &APPLY_STEPS,
    &APPLY_DURATION,
];
