//! "Did you mean": the names within a small edit distance, else the known ones.

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
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(lower.len()) <= allowed || goes_on(candidate, &lower))
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
    all.sort_unstable();
    all.dedup();
    match all.len() {
        0 => None,
        1..=12 => Some(format!("known: {}", list(&all, "and"))),
        more => Some(format!("known: {} and {} more", list(&all[..10], ","), more - 10)),
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
