//! LMDB's errors in the words of somebody who runs a feature store.

use std::io;
use std::path::Path;

use heed::MdbError;
use provender_runtime::{Error, ErrorKind};

/// `EIO` of every Unix.
const EIO: i32 = 5;

/// What was being done to the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Opening,
    Reading,
    Writing,
}

/// The error of an LMDB call on the environment at `path`.
pub(super) fn of_lmdb(error: heed::Error, doing: Doing, path: &Path) -> Error {
    let (kind, hint) = match &error {
        heed::Error::Mdb(MdbError::MapFull) => (
            ErrorKind::Unavailable,
            Some("it has reached `map_size` under `online_store`; raise it, in bytes".to_owned()),
        ),
        heed::Error::Mdb(MdbError::ReadersFull) => (
            ErrorKind::Unavailable,
            Some("too many processes and tasks read it at once; stop some of them".to_owned()),
        ),
        heed::Error::Mdb(
            MdbError::Invalid | MdbError::VersionMismatch | MdbError::Corrupted | MdbError::PageNotFound,
        ) => (
            ErrorKind::Corrupt,
            Some(format!(
                "`{}` is damaged or is no embedded store; move it away, then `provender apply` and \
                 `provender materialize` fill a new one",
                path.display()
            )),
        ),
        heed::Error::Mdb(MdbError::MapResized) => (
            ErrorKind::Unavailable,
            Some("another process uses it with a larger `map_size`; start this one again".to_owned()),
        ),
        heed::Error::Io(error) => (ErrorKind::Unavailable, io_hint(error, doing, path)),
        _ => (ErrorKind::Unavailable, None),
    };
    let verb = match doing {
        Doing::Opening => "open",
        Doing::Reading => "read",
        Doing::Writing => "write to",
    };
    let message = format!("cannot {verb} the embedded store at `{}`", path.display());
    let result = Error::new(kind, message).with_source(error);
    match hint {
        Some(hint) => result.with_hint(hint),
        None => result,
    }
}

fn io_hint(error: &io::Error, doing: Doing, path: &Path) -> Option<String> {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Some(format!(
            "this user needs to write to `{}`: readers too, to `lock.mdb` in it",
            path.display()
        )),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("the disk is full; free some space and run the same again".to_owned())
        }
        // LMDB's word for a write that was cut short: seldom anything else than a full disk.
        _ if doing == Doing::Writing && error.raw_os_error() == Some(EIO) => {
            Some("the disk is full, or it is broken; free some space and run the same again".to_owned())
        }
        io::ErrorKind::OutOfMemory if doing == Doing::Opening => Some(
            "the process may not reserve so much address space; lower `map_size` under `online_store`, in bytes"
                .to_owned(),
        ),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            Some(format!("`{}` must be a folder", path.display()))
        }
        _ => None,
    }
}
