//! The page about metrics, made from the table.

use std::fmt::Write as _;

use super::table::{Kind, Metric, PREFIX, TABLE, Unit};

impl Metric {
    /// Its name in lines of StatsD, without labels.
    pub fn statsd_name(&self) -> String {
        format!("{PREFIX}.{}", self.name)
    }

    /// Its name in the text of Prometheus; a histogram has several, which begin so.
    pub fn prometheus_name(&self) -> String {
        let unit = if self.unit == Unit::Seconds { "_seconds" } else { "" };
        let suffix = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{PREFIX}_{}{unit}{suffix}", self.name)
    }

    const fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge | Kind::Age => "gauge",
            Kind::Distribution(_) => "distribution",
        }
    }
}

const HEAD: &str = "\
# Metrics

Written from the code by `PROVENDER_UPDATE_DOCS=1 cargo test -p provender-runtime reference`; do not edit.

`provender serve`, `materialize`, `materialize-incremental`, `push`, `apply` and what applies (`destroy`, `sweep`) send metrics to a StatsD server:
`--statsd HOST:PORT`, or `metrics: { statsd: HOST:PORT }` in feature_store.yaml. `GET /metrics` of the server shows them to Prometheus.
No value of a feature and no secret is in any of them: labels are names of views and features, and fixed words.

";

const TAIL: &str = "
## StatsD

Lines go out by UDP once a second and when a command ends, which waits for that half a second at most. Nothing waits for the collector: what it does not
take is lost. A name that cannot be found is told once at the start; a server looks it up again every 30 seconds, and tells what was counted until then.
A place that was found is kept until the end.

- Counters are told as what they grew by since the last time, exactly; what did not grow is not told.
- Gauges are told every time.
- Of a distribution at most 64 values are told each second, drawn evenly from all, with the rate at which they were drawn (`|@0.25`): counts are exact,
  percentiles those of the sample. They are timers (`|ms`): durations in milliseconds, with decimals; other distributions in their unit.

Plain StatsD has no labels: their values are further parts of the name, in the order of the table, such as
`provender.requests.get-online-features.ok:12|c`. With `--statsd-tags dogstatsd` (or `statsd_tags: dogstatsd`) they are tags, as DogStatsD and many others read them:
`provender.requests:12|c|#endpoint:get-online-features,status:ok`; distributions that are no durations are histograms (`|h`) then. What is no letter, digit, `_` or
`-` in a label's value is written as `_`.

## Prometheus

`GET /metrics` is in the OpenMetrics text format for who accepts it, as Prometheus does, else in Prometheus' older one. It wants a key that may read where the
server has keys.
Names are with `_`, the unit and, for counters, `_total`; distributions are histograms. Commands that end are not there to be asked: send theirs to StatsD.

## Endpoints

`endpoint` is the path of an HTTP route without its `/`, the method of a gRPC call (`GetOnlineFeatures`, `GetFeastServingInfo`), and `other` or `grpc_other` for
the rest.
";

/// The page, as Markdown.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    page.push_str("| StatsD | Prometheus | kind | unit | labels | |\n|---|---|---|---|---|---|\n");
    for metric in TABLE {
        let unit = match metric.unit {
            Unit::Seconds => "seconds",
            Unit::Of(things) => things,
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | `{}` | {} | {unit} | {} | {} |",
            metric.statsd_name(),
            metric.prometheus_name(),
            metric.kind_name(),
            labels.join(", "),
            metric.meaning
        );
    }
    page.push_str(TAIL);
    page
}
