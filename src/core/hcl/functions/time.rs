//! Functions of times, which are texts as in RFC 3339. None reads a clock.

use std::str::FromStr as _;

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::Offset;

use super::Arguments;
use crate::hcl::evaluate::{Result, integer};
use crate::hcl::value::{Number, Value};

/// A time and the offset from UTC it is written with.
#[derive(Clone, Copy)]
struct Written {
    time: Timestamp,
    offset: Offset,
}

impl Written {
    fn read(arguments: &Arguments, index: usize) -> Result<Self> {
        let text = arguments.string(index)?;
        let wrong = || {
            let message = format!("`{text}` is no time; one is written `2026-01-31T12:00:00Z`");
            arguments.fail_at(index, message)
        };
        let (_, time) = text.split_once('T').ok_or_else(wrong)?;
        let zone = time.find(['Z', '+', '-']).map(|at| &time[at..]).ok_or_else(wrong)?;
        // The library takes more than RFC 3339 does: a second 60, `+01`, lower case.
        let seconds = time.get(6..8).and_then(|seconds| seconds.parse::<u8>().ok());
        if time.as_bytes().get(5) != Some(&b':') || seconds.is_none_or(|seconds| seconds >= 60) {
            return Err(wrong());
        }
        let timestamp = Timestamp::from_str(text).map_err(|_| wrong())?;
        let offset = match zone.as_bytes() {
            b"Z" => Some(Offset::UTC),
            [sign, a, b, b':', c, d] => {
                let digit =
                    |digit: u8| char::from(digit).to_digit(10).and_then(|digit| i32::try_from(digit).ok());
                let seconds =
                    (|| Some((digit(*a)? * 10 + digit(*b)?) * 3600 + (digit(*c)? * 10 + digit(*d)?) * 60))();
                let seconds = seconds.map(|seconds| if *sign == b'-' { -seconds } else { seconds });
                seconds.and_then(|seconds| Offset::from_seconds(seconds).ok())
            }
            _ => None,
        };
        Ok(Self { time: timestamp, offset: offset.ok_or_else(wrong)? })
    }

    /// `+05:30`, or `Z`.
    fn zone(self, colon: bool, utc: &str) -> String {
        let seconds = self.offset.seconds();
        if seconds == 0 && !utc.is_empty() {
            return utc.to_owned();
        }
        let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
        let colon = if colon { ":" } else { "" };
        format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
    }
}

/// The time with what a form like `YYYY-MM-DD hh:mm` asks for.
pub(super) fn format_date(arguments: &Arguments) -> Result<Value> {
    let written = Written::read(arguments, 1)?;
    let mut made = String::new();
    let mut rest = arguments.string(0)?;
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let (text, after) =
                quoted(&rest[1..]).ok_or_else(|| arguments.fail_at(0, "a `'` is not closed"))?;
            made.push_str(&text);
            rest = after;
            continue;
        }
        let length = rest.len() - rest.trim_start_matches(first).len();
        let (verb, after) = rest.split_at(length);
        rest = after;
        if first.is_ascii_alphabetic() {
            let part = part(written, verb);
            made.push_str(
                &part
                    .ok_or_else(|| arguments.fail_at(0, format!("the form has the unknown part `{verb}`")))?,
            );
        } else {
            made.push_str(verb);
        }
    }
    arguments.made(made)
}

/// The text up to the closing quote, in which two quotes are one; and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('\'')?;
        inside.push_str(before);
        match after.strip_prefix('\'') {
            Some(after) => {
                inside.push('\'');
                rest = after;
            }
            None => return Some((inside, after)),
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn part(written: Written, verb: &str) -> Option<String> {
    let civil = written.offset.to_datetime(written.time);
    let (date, time): (_, Time) = (civil.date(), civil.time());
    let month =
        usize::try_from(date.month()).ok().and_then(|month| MONTHS.get(month.checked_sub(1)?).copied())?;
    let day = match date.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    };
    let half = if time.hour() < 12 { "am" } else { "pm" };
    let hour = (time.hour() + 11) % 12 + 1;
    Some(match verb {
        "YYYY" => format!("{:04}", date.year()),
        "YY" => format!("{:02}", date.year() % 100),
        "MMMM" => month.to_owned(),
        "MMM" => month[..3].to_owned(),
        "MM" => format!("{:02}", date.month()),
        "M" => date.month().to_string(),
        "DD" => format!("{:02}", date.day()),
        "D" => date.day().to_string(),
        "EEEE" => day.to_owned(),
        "EEE" => day[..3].to_owned(),
        "hh" => format!("{:02}", time.hour()),
        "h" => time.hour().to_string(),
        "HH" => format!("{hour:02}"),
        "H" => hour.to_string(),
        "aa" => half.to_owned(),
        "AA" => half.to_uppercase(),
        "mm" => format!("{:02}", time.minute()),
        "m" => time.minute().to_string(),
        "ss" => format!("{:02}", time.second()),
        "s" => time.second().to_string(),
        "ZZZZZ" => written.zone(true, ""),
        "ZZZZ" => written.zone(false, ""),
        "ZZZ" => written.zone(false, "UTC"),
        "Z" => written.zone(true, "Z"),
        _ => return None,
    })
}

/// The time some while later, such as `1h30m` or `-10s`, at the same offset. Fractions of a second are left out.
pub(super) fn time_add(arguments: &Arguments) -> Result<Value> {
    let written = Written::read(arguments, 0)?;
    let nanoseconds = nanoseconds(arguments.string(1)?)
        .ok_or_else(|| arguments.fail_at(1, "a while is written as `1h30m` or `-10s`"))?;
    let later = written.time.as_nanosecond().checked_add(nanoseconds);
    let later = later.and_then(|later| Timestamp::from_nanosecond(later).ok());
    let time = later.ok_or_else(|| arguments.fail("the time is out of range".to_owned()))?;
    let civil = written.offset.to_datetime(time);
    let zone = written.zone(true, "Z");
    arguments.made(format!("{}{zone}", civil.strftime("%Y-%m-%dT%H:%M:%S")))
}

/// -1, 0 or 1.
pub(super) fn time_compare(arguments: &Arguments) -> Result<Value> {
    let (first, second) = (Written::read(arguments, 0)?, Written::read(arguments, 1)?);
    Ok(match first.time.cmp(&second.time) {
        std::cmp::Ordering::Less => Value::Number(Number::Integer(-1)),
        std::cmp::Ordering::Equal => integer(0),
        std::cmp::Ordering::Greater => integer(1),
    })
}

/// The nanoseconds of a duration as Go writes it.
fn nanoseconds(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut sum = 0_i128;
    while !rest.is_empty() || sum == 0 && rest.len() == text.len() {
        let number =
            rest.len() - rest.trim_start_matches(|one: char| one.is_ascii_digit() || one == '.').len();
        let (number, after) = rest.split_at(number);
        let unit = after.find(|one: char| one.is_ascii_digit() || one == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let size: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || number.len() > 30 {
            return None;
        }
        let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<i128>().ok() };
        let places = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        sum = sum
            .checked_add(digits(whole)?.checked_mul(size)?)?
            .checked_add(digits(fraction)?.checked_mul(size)? / places)?;
        rest = after;
    }
    Some(sign * sum)
}
