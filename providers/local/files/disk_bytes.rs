//! The bytes of a file on this machine, read page by page as they are needed. A row group of a wide table may have hundreds of
//! megabytes; of them no more lies in memory than is being decoded.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// Bytes that are read at once where it is not known how many are needed.
const AHEAD: usize = 4 * 1024;

/// A file that several threads may read at different places.
#[derive(Clone)]
pub(super) struct DiskBytes {
    file: Arc<File>,
    size: u64,
}

impl DiskBytes {
    /// Opens a file of so many bytes.
    pub(super) fn open(path: &Path, size: u64) -> io::Result<Self> {
        Ok(Self { file: Arc::new(File::open(path)?), size })
    }
}

impl Length for DiskBytes {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for DiskBytes {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::with_capacity(AHEAD, From { file: Arc::clone(&self.file), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// What comes from a place on.
pub(super) struct From {
    file: Arc<File>,
    at: u64,
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
