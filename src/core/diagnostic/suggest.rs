//! "Did you mean": the names within a small edit distance, else the known ones.

/// Known names that are listed where none is near.
const LISTED: usize = 13;

/// The known names that are near enough to be what was meant, nearest first, at most three.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // A name longer than any of ours is not worth a quadratic comparison.
    if name.len() > 200 {
        return Vec::new();
    }
    // Of a short name, most of the letters must be right.
    let allowed = match name.chars().count() {
        0..=4 => 1,
        5..=7 => 2,
        _ => 3,
    };
    let lower = name.to_lowercase();
    let letters = counts(&lower);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .filter(|candidate| {
            let may_be_near = candidate.len().abs_diff(lower.len()) <= allowed
                && may_be_near(&letters, &lower, candidate, allowed);
            may_be_near || goes_on(candidate, &lower)
        })
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            (*distance <= allowed && *distance < candidate.chars().count()) || goes_on(candidate, &lower)
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.truncate(3);
    near.into_iter().map(|(_, candidate)| candidate).collect()
}

/// How often each letter occurs, roughly: by the last five bits of its byte.
fn counts(text: &str) -> [i8; 32] {
    let mut counts = [0_i8; 32];
    for byte in text.bytes() {
        let count = &mut counts[usize::from(byte.to_ascii_lowercase() & 31)];
        *count = count.saturating_add(1);
    }
    counts
}

/// Whether the letters allow so few edits: each changes two counts at most. Thousands of names are left out by it for every
/// unknown one, in a tenth of the time of a comparison.
fn may_be_near(letters: &[i8; 32], lower: &str, candidate: &str, allowed: usize) -> bool {
    if !lower.is_ascii() || !candidate.is_ascii() {
        return true;
    }
    let differences =
        letters.iter().zip(counts(candidate)).map(|(one, other)| usize::from(one.abs_diff(other)));
    differences.sum::<usize>() <= 2 * allowed
}

/// Whether the candidate is the name with another word behind it.
fn goes_on(candidate: &str, name: &str) -> bool {
    name.len() > 2 && candidate.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'))
}

/// A line of help for an unknown name: the near names, else (when they are few enough to read) the known ones.
pub fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    let near = nearest(name, known.clone());
    if !near.is_empty() {
        return Some(format!("did you mean {}?", list(&near, "or")));
    }
    let mut all: Vec<&str> = known.into_iter().collect();
    let count = all.len();
    // Of thousands only those that are listed are put in order.
    if count > 2 * LISTED {
        all.select_nth_unstable(LISTED);
        all.truncate(LISTED);
    }
    all.sort_unstable();
    all.dedup();
    match all.len() {
        0 => None,
        _ if count > LISTED + 2 => {
            all.truncate(LISTED);
            Some(format!("known: {} and {} more", list(&all, ","), count - all.len()))
        }
        _ => Some(format!("known: {}", list(&all, "and"))),
    }
}

fn list(names: &[&str], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((end, [])) => end.clone(),
        Some((_, _)) if last == "," => quoted.join(", "),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_letters_leave_out_no_near_name(one in "[a-dA-D_é]{0,9}", other in "[a-dA-D_é]{0,9}", allowed in 1_usize..4) {
            let lower = one.to_lowercase();
            if strsim::osa_distance(&lower, &other.to_lowercase()) <= allowed {
                prop_assert!(may_be_near(&counts(&lower), &lower, &other, allowed));
            }
        }
    }
}
