//! Where memory comes from: mimalloc.

use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2, which the crate has no name for.
const PURGE_DELAY: mi_option_t = 15;

/// How long freed memory is kept, in milliseconds; mimalloc would keep it for 10.
const KEPT: core::ffi::c_long = 100;

/// Keeps freed memory for what comes next, unless `MIMALLOC_PURGE_DELAY` says something else: for commands that do one piece of work
/// and end. Whatever is given back and then needed again comes from the system page by page, each of them cleared. A server is not one
/// of these commands: what it does not need for a while is for others.
pub(crate) fn keep_freed_memory() {
    #[expect(
        unsafe_code,
        reason = "a C function that sets a number; the test below knows that it is this one"
    )]
    unsafe {
        mi_option_set_default(PURGE_DELAY, KEPT);
    }
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    fn freed_memory_is_kept_for_a_while() {
        #[expect(unsafe_code, reason = "a C function that gives a number")]
        let options = || [14, PURGE_DELAY, 16, 17, 18].map(|option| unsafe { mi_option_get(option) });
        // What mimalloc 2 begins with: it is the one option among these that is 10.
        let [before @ .., tag] = options();
        assert_eq!((before, tag), ([1, 10, 0, 0], 100));
        keep_freed_memory();
        assert_eq!(options()[1], KEPT);
    }
}
