//! Instants and spans of time. Both are 64-bit nanoseconds inside and readable text outside (RFC 3339; `1h30m`).
//! There is no clock here: "now" is always an argument.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nanoseconds in one second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// An instant, in nanoseconds since 1970-01-01T00:00:00Z; covers the years 1677 to 2262.
///
/// Text is RFC 3339 in UTC. Parsing also takes `2022-01-01`, `2022-01-01T00:00:00` and a space for the `T`; a time
/// without a zone is UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant that can be held.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant that can be held.
    pub const MAX: Self = Self(i64::MAX);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The instant `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SECOND)
    }

    /// The last day before this instant, as `2027-03-01`: the day that was written where the instant is its end.
    pub fn last_day(self) -> String {
        let text = Self(self.0.saturating_sub(1)).to_string();
        text.split_once('T').map_or(text.clone(), |(day, _)| day.to_owned())
    }

    /// The instant `span` earlier; stops at [`Timestamp::MIN`].
    #[must_use]
    pub const fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span.as_nanos()))
    }

    /// The instant `span` later; stops at [`Timestamp::MAX`].
    #[must_use]
    pub const fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_nanos()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(instant) => write!(formatter, "{instant}"),
            Err(_) => Err(fmt::Error),
        }
    }
}

/// Text that is no time, or one that cannot be held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// It has another form.
    #[error("`{0}` is not a time such as `2026-11-25`, `2026-11-25T08:00:00` or `2026-11-25T08:00:00Z`")]
    Malformed(String),
    /// 64-bit nanoseconds do not reach it.
    #[error("`{0}` is outside the years 1677 to 2262")]
    OutOfRange(String),
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let out_of_range = || TimestampError::OutOfRange(text.to_owned());
        let nanos = if let Ok(instant) = trimmed.parse::<jiff::Timestamp>() {
            instant.as_nanosecond()
        } else {
            let civil = trimmed.parse::<jiff::civil::DateTime>();
            let civil = civil.map_err(|_| TimestampError::Malformed(text.to_owned()))?;
            let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| out_of_range())?;
            zoned.timestamp().as_nanosecond()
        };
        i64::try_from(nanos).map(Self).map_err(|_| out_of_range())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A span of time that is never negative, in nanoseconds; at most about 292 years.
///
/// Text is a run of whole numbers with units, largest first: `w d h m s ms us ns`. Printed without weeks, so that
/// equal spans have one text: `168h` and `1w` both print as `7d`; zero prints as `0s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(i64);

const UNITS: [(&str, i64); 8] = [
    ("w", 7 * 86_400 * NANOS_PER_SECOND),
    ("d", 86_400 * NANOS_PER_SECOND),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("s", NANOS_PER_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl Duration {
    /// No time at all; as a `ttl` it means "never expires".
    pub const ZERO: Self = Self(0);

    /// A span of `nanos` nanoseconds; `None` when negative.
    pub const fn from_nanos(nanos: i64) -> Option<Self> {
        if nanos < 0 { None } else { Some(Self(nanos)) }
    }

    /// A span of whole seconds; stops at the largest span.
    pub const fn from_seconds(seconds: u32) -> Self {
        Self(seconds as i64 * NANOS_PER_SECOND)
    }

    /// The span in nanoseconds, never negative.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// What is probably meant by text that is no duration but says one: `1 day`, `7D`, `1.5h`, `PT1H30M`.
    pub fn meant(text: &str) -> Option<Self> {
        let lower = text.trim().to_lowercase();
        let iso = lower.strip_prefix('p');
        let date = lower.find('t').unwrap_or(lower.len());
        let mut rest = iso.unwrap_or(&lower);
        let mut total: i64 = 0;
        while !rest.is_empty() {
            rest = rest.strip_prefix('t').filter(|_| iso.is_some()).unwrap_or(rest);
            let digits = rest.find(|next: char| !next.is_ascii_digit() && next != '.')?;
            let (number, after) = rest.split_at(digits);
            let after = after.trim_start();
            let letters = after.find(|next: char| !next.is_alphabetic() || (iso.is_some() && next == 't'));
            let (unit, after) = after.split_at(letters.unwrap_or(after.len()));
            // Before the `T`, an `M` is a month.
            if iso.is_some() && unit == "m" && lower.len() - after.len() <= date {
                return None;
            }
            total = total.checked_add(parts_of(number, unit_of(unit)?)?)?;
            rest = after.trim_start_matches([' ', ',']);
        }
        (!lower.trim_start_matches(['p', 't']).is_empty()).then_some(Self(total))
    }

    /// What to write for text that is no duration, where nothing else can be said of it.
    pub fn advice(text: &str) -> String {
        let lower = text.trim().to_lowercase();
        let word = lower.trim_start_matches(|first: char| first.is_ascii_digit() || first == ' ');
        let number = lower[..lower.len() - word.len()].trim_end().parse::<u32>();
        let days: Option<u32> = match word {
            "mo" | "mos" | "mon" | "month" | "months" => Some(30),
            "y" | "yr" | "yrs" | "year" | "years" => Some(365),
            _ => None,
        };
        let days = days.and_then(|days| days.checked_mul(number.ok()?));
        if let Some(days) = days {
            return format!("months and years are not equally long: write days, as in `\"{days}d\"`");
        }
        if lower.starts_with('-') {
            return "a duration is never negative".to_owned();
        }
        "units are `w`, `d`, `h`, `m`, `s`, `ms`, `us` and `ns`, as in `\"30d\"` or `\"1h30m\"`".to_owned()
    }

    /// Whether this is [`Duration::ZERO`].
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

/// Nanoseconds of a unit as people write it.
fn unit_of(word: &str) -> Option<i64> {
    let unit = match word {
        "wk" | "wks" | "week" | "weeks" => "w",
        "day" | "days" => "d",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "min" | "mins" | "minute" | "minutes" => "m",
        "sec" | "secs" | "second" | "seconds" => "s",
        "msec" | "millis" | "millisecond" | "milliseconds" => "ms",
        other => other,
    };
    UNITS.iter().find(|(name, _)| *name == unit).map(|(_, nanos)| *nanos)
}

/// `1.5` of a unit, where that is whole nanoseconds.
fn parts_of(number: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<i64>().ok()?.checked_mul(unit)?;
    if fraction.is_empty() {
        return Some(whole);
    }
    let scale = 10_i64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = fraction.parse::<i64>().ok()?.checked_mul(unit)?;
    if part % scale == 0 { whole.checked_add(part / scale) } else { None }
}

impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return formatter.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, nanos) in UNITS.iter().skip(1) {
            if rest >= *nanos {
                write!(formatter, "{}{unit}", rest / nanos)?;
                rest %= nanos;
            }
        }
        Ok(())
    }
}

/// Text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not a run of numbers with units.
    #[error("`{0}` is not a duration such as `90s`, `15m`, `1h30m` or `7d`")]
    Malformed(String),
    /// More than 64-bit nanoseconds can hold.
    #[error("`{0}` is longer than the largest duration, 292 years")]
    TooLong(String),
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || DurationError::Malformed(text.to_owned());
        let mut rest = text;
        let mut total: i64 = 0;
        let mut next_unit = 0;
        if rest.is_empty() {
            return Err(malformed());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?;
            let (number, after) = rest.split_at(digits);
            let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let (unit, after) = after.split_at(letters);
            let position = UNITS
                .iter()
                .position(|(name, _)| *name == unit)
                .filter(|at| *at >= next_unit)
                .ok_or_else(malformed)?;
            if number.is_empty() {
                return Err(malformed());
            }
            next_unit = position + 1;
            total = number
                .parse::<i64>()
                .ok()
                .and_then(|number| number.checked_mul(UNITS[position].1))
                .and_then(|nanos| total.checked_add(nanos))
                .ok_or_else(|| DurationError::TooLong(text.to_owned()))?;
            rest = after;
        }
        Ok(Self(total))
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_day_is_shown_as_that_day() {
        let last_day = |text: &str| text.parse::<Timestamp>().unwrap().last_day();
        assert_eq!(last_day("2027-03-02T00:00:00Z"), "2027-03-01");
        assert_eq!(last_day("2027-03-02T00:00:00.000000001Z"), "2027-03-02");
        assert_eq!(last_day("2024-03-01"), "2024-02-29");
    }

    #[test]
    fn durations_have_one_text() {
        for (text, printed) in [
            ("1w", "7d"),
            ("168h", "7d"),
            ("90s", "1m30s"),
            ("1h30m", "1h30m"),
            ("0s", "0s"),
            ("1500ms", "1s500ms"),
        ] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), printed);
        }
        for text in ["", "7", "d", "1x", "30m1h", "1h1h", "-1s", "1 h", "1.5h", "99999999999w"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_people_write_for_durations_is_understood() {
        for (text, meant) in [
            ("1 day", "1d"),
            ("7D", "7d"),
            ("2 weeks", "14d"),
            ("1.5h", "1h30m"),
            ("30m1h", "1h30m"),
            ("1h 30m", "1h30m"),
            ("1 hour, 30 minutes", "1h30m"),
            ("P7D", "7d"),
            ("PT1H30M", "1h30m"),
            ("P1DT12H", "1d12h"),
        ] {
            assert_eq!(
                Duration::meant(text).map(|meant| meant.to_string()).as_deref(),
                Some(meant),
                "{text}"
            );
        }
        for text in [
            "",
            "7",
            "d",
            "P",
            "PT",
            "P1M",
            "1 month",
            "-1h",
            "1..5h",
            "ä",
            "99999999999w",
            "0.3ns",
            "1 1h",
            "1h1",
        ] {
            assert_eq!(Duration::meant(text), None, "{text}");
        }
    }

    #[test]
    fn times_without_zone_are_utc() {
        let expected = Timestamp::from_nanos(1_640_995_200 * NANOS_PER_SECOND);
        for text in [
            "2022-01-01",
            "2022-01-01T00:00:00",
            "2022-01-01 00:00:00",
            "2022-01-01T00:00:00Z",
            "2022-01-01T01:00:00+01:00",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Ok(expected), "{text}");
        }
        assert_eq!(expected.to_string(), "2022-01-01T00:00:00Z");
        assert!("yesterday".parse::<Timestamp>().is_err());
        for edge in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(edge.to_string().parse(), Ok(edge));
        }
    }
}
