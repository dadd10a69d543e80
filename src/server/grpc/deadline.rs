//! How long a call may take by its client's word: the header `grpc-timeout` (gRPC over HTTP/2, "Requests").

use std::time::Duration;

use http::HeaderMap;

use crate::refusal::Refusal;
use crate::service::invalid;

/// Most digits that the protocol has.
const MOST_DIGITS: usize = 8;

/// The time that a client gives a call; none: it says nothing.
///
/// # Errors
/// A header that is no time: a client that asked for an end would wait without one.
pub(super) fn given(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let Some(given) = headers.get("grpc-timeout") else { return Ok(None) };
    given.to_str().ok().and_then(duration).map(Some).ok_or_else(|| {
        invalid("`grpc-timeout` is no time").with_help("it is up to eight digits and one of H, M, S, m, u, n")
    })
}

fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > MOST_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_digits_and_a_unit() {
        for (text, expected) in [
            ("1H", Duration::from_secs(3_600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("99999999m", Duration::from_millis(99_999_999)),
            ("5u", Duration::from_micros(5)),
            ("0n", Duration::ZERO),
            ("99999999H", Duration::from_secs(99_999_999 * 3_600)),
        ] {
            assert_eq!(duration(text), Some(expected), "{text}");
        }
        for text in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "1 S", "123456789S", "1SS", "1ü", "ü"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
