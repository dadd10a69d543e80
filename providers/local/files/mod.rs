//! Files as an offline store: a source is one file, a folder or a glob of Parquet or CSV files, read in byte order of
//! their paths. What a value becomes is decided in `provender_runtime::columns`; here is only how files are found
//! (`locate`), read (`parquet`, `csv`), brought into the asked form (`shape`) and streamed (`scan`).

mod csv;
mod locate;
mod parquet;
mod scan;
mod shape;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use async_trait::async_trait;
use provender_core::model::{DataSource, FileFormat, SourceKind};
use provender_runtime::provider::{OfflineStore, SourceDescription, SourceRows, SourceScan};
use provender_runtime::{Error, Result};

use self::locate::{SourceFile, locate};
use self::shape::Shape;

/// File sources below a base folder: relative paths of sources start there.
#[derive(Clone, Debug)]
pub struct FileStore {
    base: PathBuf,
}

impl FileStore {
    /// A store whose relative paths start at `base` (the project folder).
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into() }
    }

    async fn files(&self, source: &DataSource) -> Result<(Vec<SourceFile>, FileFormat)> {
        match &source.kind {
            SourceKind::File { path, format, .. } => Ok((locate(&self.base, path, *format).await?, *format)),
            other => Err(Error::invalid(format!("a `{}` source cannot be read from files", other.as_str()))
                .with_hint("use a `file` source, or a provider whose offline store reads that kind")),
        }
    }
}

#[async_trait]
impl OfflineStore for FileStore {
    async fn describe(&self, source: &DataSource) -> Result<SourceDescription> {
        let (files, format) = self.files(source).await?;
        let bytes = files.iter().map(|file| file.meta.size).sum();
        match format {
            FileFormat::Csv => {
                let schema = csv::describe(&files[0]).await?;
                Ok(SourceDescription { schema, rows: None, bytes: Some(bytes) })
            }
            FileFormat::Parquet => {
                let (schema, mut rows) = parquet::describe(&files[0]).await?;
                for file in &files[1..] {
                    rows += parquet::describe(file).await?.1;
                }
                Ok(SourceDescription { schema, rows: Some(rows), bytes: Some(bytes) })
            }
        }
    }

    async fn scan(&self, scan: &SourceScan) -> Result<SourceRows> {
        let (files, format) = self.files(&scan.source).await?;
        let shape = Shape::new(scan, format)?;
        // The first file's columns are checked before anything is promised; each later file's when it is opened.
        let first = match format {
            FileFormat::Parquet => parquet::describe(&files[0]).await?.0,
            FileFormat::Csv => csv::describe(&files[0]).await?,
        };
        shape.positions(&files[0].label, &first)?;
        Ok(scan::rows(files, shape))
    }
}
