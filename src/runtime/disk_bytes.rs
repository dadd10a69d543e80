//! The bytes of a file on this machine, read page by page as they are needed. A row group of a wide table may have hundreds of
//! megabytes; of them no more lies in memory than is being decoded.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;

/// Bytes that are read at once where it is not known how many are needed.
const AHEAD: usize = 4 * 1024;

/// A file that several threads may read at different places.
#[derive(Clone, Debug)]
pub struct DiskBytes {
    file: Arc<File>,
    size: u64,
}

impl DiskBytes {
    /// An open file, of so many bytes.
    pub fn new(file: File, size: u64) -> Self {
        Self { file: Arc::new(file), size }
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
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let at = start + bytes.len() as u64;
            // Into memory that nobody has filled with zeros before.
            match rustix::io::pread(&*self.file, spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
        bytes.truncate(length);
        Ok(bytes.into())
    }
}

/// What comes from a place on.
#[derive(Debug)]
pub struct From {
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
