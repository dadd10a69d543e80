//! Mutations of bytes, with a taste for what formats count in: lengths, offsets, and the footer at a file's end.

use super::harness::Random;

/// Longest input, in bytes.
const LONGEST: usize = 100_000;

/// What texts of tables trip over.
const WORDS: [&[u8]; 16] = [
    b"\"",
    b"\"\"",
    b",",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe9",
    b"nan",
    b"-",
    b"1e999",
    b"9223372036854775808",
    b"2026-02-30",
    b"id,name\n",
    b"\"\n",
];
/// Numbers as Thrift and Arrow write them: the largest and the smallest of some widths, and such with many bits.
const NUMBERS: [&[u8]; 10] = [
    b"\xff\xff\xff\xff\x0f",
    b"\xfe\xff\xff\xff\x0f",
    b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x10",
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x00\x00\x00\x00\x00\x00\x00\x10",
    b"\x00\x00\x00\x00\x00\x01\x00\x00",
    b"\x00\x00\x00\x40",
];

/// One of the corpus, changed in a few places.
pub(crate) fn mutate(corpus: &[Vec<u8>], target: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(5) {
        change(&mut bytes, corpus, target, random);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], target: &str, random: &mut Random) {
    if bytes.is_empty() {
        bytes.push(0);
    }
    let footer = footer(bytes, target);
    let at = match (&footer, random.below(2)) {
        (Some(start), 0) => start + random.below(bytes.len() - start),
        _ => random.below(bytes.len()),
    };
    let longest = if random.below(4) == 0 { 2_000 } else { 8 };
    let long = 1 + random.below(longest);
    let end = (at + long).min(bytes.len());
    let before = bytes.len();
    match random.below(9) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random.next() as u8][random.below(6)],
        3 => overwrite(bytes, at, NUMBERS[random.below(NUMBERS.len())]),
        4 => drop(bytes.drain(at..end)),
        5 => {
            let part = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, part));
        }
        6 => {
            let donor = &corpus[random.below(corpus.len())];
            let from = random.below(donor.len());
            overwrite(bytes, at, &donor[from..(from + long).min(donor.len())]);
        }
        7 if target.ends_with("csv") => {
            let word = WORDS[random.below(WORDS.len())].repeat(1 + random.below(3));
            drop(bytes.splice(at..at, word));
        }
        7 => drop(bytes.splice(at..end, NUMBERS[random.below(NUMBERS.len())].iter().copied())),
        _ if random.below(4) == 0 => bytes.truncate(at),
        _ => overwrite(bytes, at, &[0]),
    }
    mend_length(bytes, target, footer.filter(|start| at >= *start), before);
}

fn overwrite(bytes: &mut Vec<u8>, at: usize, with: &[u8]) {
    let end = (at + with.len()).min(bytes.len());
    drop(bytes.splice(at..end, with.iter().copied()));
}

/// Bytes after the footer: its length and the mark.
fn tail(target: &str) -> Option<usize> {
    match target {
        "parquet" | "frame-parquet" => Some(8),
        "frame-arrow" => Some(10),
        _ => None,
    }
}

/// Where the footer of a file starts.
fn footer(bytes: &[u8], target: &str) -> Option<usize> {
    let end = bytes.len().checked_sub(tail(target)?)?;
    let length = u32::from_le_bytes(bytes[end..end + 4].try_into().ok()?) as usize;
    end.checked_sub(length)
}

/// A footer that grew or shrank says so, else nothing behind its length would ever be tried.
fn mend_length(bytes: &mut [u8], target: &str, footer: Option<usize>, before: usize) {
    if let (Some(start), Some(tail)) = (footer, tail(target))
        && bytes.len() != before
        && let Some(length) = bytes.len().checked_sub(tail + start)
    {
        let end = bytes.len() - tail;
        bytes[end..end + 4].copy_from_slice(&(length as u32).to_le_bytes());
    }
}
