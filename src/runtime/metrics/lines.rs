//! What was recorded since the last time, as lines of StatsD.
//!
//! Counters are told as what they grew by, so they are exact. Of a distribution at most [`KEPT_VALUES`] values are told
//! each time, with the rate at which they were drawn, from which a collector computes how many there were.

use std::collections::HashMap;
use std::str::FromStr;

use cadence::ext::{MetricValue, ToTimerValue};
use cadence::prelude::*;
use cadence::{Metric as Formatted, MetricBuilder, MetricResult, StatsdClient};

use super::recorder::{Recorder, Series};
use super::table::{Metric, TABLE, Unit};

#[cfg(doc)]
use super::series::KEPT_VALUES;

/// How lines carry labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagStyle {
    /// Not at all: their values are further parts of the name, in the order of the table.
    #[default]
    None,
    /// As tags, the way DogStatsD reads them.
    DogStatsd,
}

impl FromStr for TagStyle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "dogstatsd" => Ok(Self::DogStatsd),
            other => Err(format!("`{other}` is no way of tagging; it is `none` or `dogstatsd`")),
        }
    }
}

/// One line to be.
#[derive(Clone, Debug)]
pub(super) struct Line {
    metric: &'static Metric,
    labels: Vec<String>,
    value: LineValue,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum LineValue {
    /// It grew by this much.
    Count(u64),
    /// It is this.
    Gauge(f64),
    /// One value, and the part of all values that was kept.
    Value(f64, f64),
}

/// What was told already.
#[derive(Debug, Default)]
pub(super) struct Told(HashMap<(&'static str, Vec<String>), u64>);

impl Told {
    /// What is to be told now. What is told by this is not told again.
    #[expect(clippy::cast_precision_loss, reason = "StatsD knows decimal numbers alone")]
    pub(super) fn news(&mut self, recorder: &Recorder) -> Vec<Line> {
        let mut lines = Vec::new();
        for metric in TABLE {
            for (labels, series) in recorder.series(metric) {
                let mut tell = |labels: &[String], value| {
                    lines.push(Line { metric, labels: labels.to_vec(), value });
                };
                match series {
                    Series::Counter(counter) => {
                        let value = counter.value();
                        let before = self.0.insert((metric.name, labels.clone()), value).unwrap_or(0);
                        if value > before {
                            tell(&labels, LineValue::Count(value - before));
                        }
                    }
                    Series::Gauge(gauge) => tell(&labels, LineValue::Gauge(gauge.value() as f64)),
                    Series::Age(age) => {
                        if let Some(seconds) = age.seconds(recorder.now()) {
                            tell(&labels, LineValue::Gauge(seconds));
                        }
                    }
                    Series::Distribution(distribution) => {
                        let (kept, seen) = distribution.take_sample();
                        let rate = kept.len() as f64 / seen as f64;
                        for value in kept {
                            tell(&labels, LineValue::Value(in_unit(metric, value), rate));
                        }
                    }
                }
            }
        }
        lines
    }
}

/// Durations are told in milliseconds, with as many decimals as there are.
#[expect(clippy::cast_precision_loss, reason = "StatsD knows decimal numbers alone")]
fn in_unit(metric: &Metric, value: u64) -> f64 {
    match metric.unit {
        Unit::Seconds => value as f64 / 1_000_000.0,
        Unit::Of(_) => value as f64,
    }
}

/// A timer with decimals: most reads take less than a millisecond.
struct Decimal(f64);

impl ToTimerValue for Decimal {
    fn try_to_value(self) -> MetricResult<MetricValue> {
        Ok(MetricValue::Float(self.0))
    }
}

impl Line {
    /// Hands the line to a client. Whether it arrives anywhere is nobody's concern.
    pub(super) fn send(&self, client: &StatsdClient, style: TagStyle) {
        let name = self.name(style);
        match self.value {
            LineValue::Count(count) => {
                self.finish(client.count_with_tags(&name, i64::try_from(count).unwrap_or(i64::MAX)), style);
            }
            LineValue::Gauge(value) => self.finish(client.gauge_with_tags(&name, value), style),
            LineValue::Value(value, rate) => {
                // Plain StatsD knows one kind of distribution: timers.
                if style == TagStyle::DogStatsd && self.metric.unit != Unit::Seconds {
                    self.finish(sampled(client.histogram_with_tags(&name, value), rate), style);
                } else {
                    self.finish(sampled(client.time_with_tags(&name, Decimal(value)), rate), style);
                }
            }
        }
    }

    fn name(&self, style: TagStyle) -> String {
        let mut name = self.metric.name.to_owned();
        if style == TagStyle::None {
            for value in &self.labels {
                name.push('.');
                name.push_str(&word(value));
            }
        }
        name
    }

    fn finish<'a, T: Formatted + From<String>>(&'a self, builder: MetricBuilder<'a, '_, T>, style: TagStyle) {
        let labels = self.metric.labels.iter().zip(&self.labels);
        let words: Vec<_> = labels.map(|(label, value)| (*label, word(value))).collect();
        let mut builder = builder;
        if style == TagStyle::DogStatsd {
            for (label, value) in &words {
                builder = builder.with_tag(label, value);
            }
        }
        builder.send();
    }
}

fn sampled<'m, 'c, T: Formatted + From<String>>(
    builder: MetricBuilder<'m, 'c, T>,
    rate: f64,
) -> MetricBuilder<'m, 'c, T> {
    if rate < 1.0 { builder.with_sampling_rate(rate) } else { builder }
}

/// A label's value without what means something in a line.
fn word(value: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    value.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect()
}
