//! What was recorded, in the text formats of Prometheus.

use std::fmt::{self, Write as _};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit as Suffix};

use super::recorder::{Recorder, Series};
use super::table::{Kind, Metric, PREFIX, TABLE, Unit};

const NANOS_PER_SECOND: f64 = 1e9;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus 0.0.4.
    Prometheus,
}

impl Recorder {
    /// All that was recorded so far, as text.
    pub fn prometheus(&self, format: TextFormat) -> String {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(Shown(self.clone())));
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = encode(&mut text, &registry);
        match format {
            TextFormat::OpenMetrics => text,
            TextFormat::Prometheus => older(&text),
        }
    }
}

/// The same in the older format: it describes counters by their whole names, and has neither units nor an end.
fn older(text: &str) -> String {
    let mut older = String::with_capacity(text.len());
    // The type comes after the help, so both are written once it is known.
    let mut help = None;
    for line in text.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ');
            continue;
        }
        match (help.take(), line.strip_prefix("# TYPE ").and_then(|described| described.split_once(' '))) {
            (Some((_, help)), Some((name, kind))) => {
                let total = if kind == "counter" { "_total" } else { "" };
                // Writing to a `String` cannot fail.
                let _ = writeln!(older, "# HELP {name}{total} {help}\n# TYPE {name}{total} {kind}");
            }
            _ => {
                let _ = writeln!(older, "{line}");
            }
        }
    }
    older
}

#[derive(Debug)]
struct Shown(Recorder);

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in TABLE {
            let all = self.0.series(metric);
            let all: Vec<_> = all.into_iter().filter(|(_, series)| self.is_known(series)).collect();
            if all.is_empty() {
                continue;
            }
            let suffix = suffix(metric);
            let mut family =
                encoder.encode_descriptor(metric.name, metric.meaning, suffix.as_ref(), kind(metric))?;
            for (values, series) in all {
                let labels: Vec<(&str, String)> = metric.labels.iter().copied().zip(values).collect();
                if labels.is_empty() {
                    self.put(&mut family, metric, &series)?;
                } else {
                    self.put(&mut family.encode_family(&labels)?, metric, &series)?;
                }
            }
        }
        Ok(())
    }
}

impl Shown {
    /// What nobody has set yet is left out.
    fn is_known(&self, series: &Series) -> bool {
        match series {
            Series::Age(age) => age.seconds(self.0.now()).is_some(),
            _ => true,
        }
    }

    fn put(&self, encoder: &mut MetricEncoder<'_>, metric: &Metric, series: &Series) -> fmt::Result {
        match series {
            Series::Counter(counter) => {
                encoder.encode_counter::<NoLabelSet, u64, f64>(&counter.value(), None)
            }
            Series::Gauge(gauge) => encoder.encode_gauge(&gauge.value()),
            Series::Age(age) => encoder.encode_gauge(&age.seconds(self.0.now()).unwrap_or_default()),
            Series::Distribution(distribution) => {
                let buckets = distribution.buckets();
                let counts: Vec<(f64, u64)> = buckets
                    .counts
                    .iter()
                    .map(|(bound, count)| {
                        (bound.map_or(f64::INFINITY, |bound| in_unit(metric, bound)), *count)
                    })
                    .collect();
                let sum = in_unit(metric, buckets.sum);
                encoder.encode_histogram::<NoLabelSet>(sum, buckets.count, &counts, None)
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows floating-point numbers alone")]
fn in_unit(metric: &Metric, value: u64) -> f64 {
    match metric.unit {
        Unit::Seconds => value as f64 / NANOS_PER_SECOND,
        Unit::Of(_) => value as f64,
    }
}

/// The unit that is part of the name.
fn suffix(metric: &Metric) -> Option<Suffix> {
    (metric.unit == Unit::Seconds).then_some(Suffix::Seconds)
}

const fn kind(metric: &Metric) -> MetricType {
    match metric.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge | Kind::Age => MetricType::Gauge,
        Kind::Distribution(_) => MetricType::Histogram,
    }
}
