//! Takes the parts of encoded values from the front of bytes. `None`: there are too few.

/// So many bytes.
pub fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*bytes)
}

/// `length` bytes, where they lie.
pub fn take_slice<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

/// A length or a count: four bytes, the lowest first.
pub fn take_count(rest: &mut &[u8]) -> Option<usize> {
    take(rest).map(|count| u32::from_le_bytes(count) as usize)
}

/// Bytes with their length before them.
pub fn take_counted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_count(rest)?;
    take_slice(rest, length)
}
