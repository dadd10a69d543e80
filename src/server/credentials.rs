//! API keys and the certificate: read when the server starts and again while it runs, so that both change without a restart.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use provender_runtime::{Error, ErrorKind, Result};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::keys::ApiKeys;
use crate::tls::{CurrentCertificate, Tls};

/// Who may come in, and what the server shows for itself.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Who may do what; none: everybody.
    pub keys: Option<ApiKeys>,
    /// Certificate and key; none: no TLS.
    pub tls: Option<Tls>,
}

/// Where credentials lie. It must not give keys at one time and none at another, nor a certificate.
pub trait CredentialSource: fmt::Debug + Send + Sync {
    /// Reads what lies there now; may block.
    ///
    /// # Errors
    /// `Invalid` for what cannot be read or used.
    fn read(&self) -> Result<Credentials>;
}

/// Credentials that never change.
impl CredentialSource for Credentials {
    fn read(&self) -> Result<Credentials> {
        Ok(self.clone())
    }
}

/// The credentials that count now. Requests and handshakes look at them without a lock.
#[derive(Debug)]
pub(crate) struct CurrentCredentials {
    source: Arc<dyn CredentialSource>,
    keys: ArcSwapOption<ApiKeys>,
    certificate: Option<Arc<CurrentCertificate>>,
    /// One look at a time: where it hangs, the next waits for it instead of hanging beside it.
    reading: Mutex<Option<JoinHandle<Result<Credentials>>>>,
}

impl CurrentCredentials {
    /// Reads them for the first time.
    ///
    /// # Errors
    /// As [`CredentialSource::read`].
    pub(crate) fn read(source: Arc<dyn CredentialSource>) -> Result<Self> {
        let Credentials { keys, tls } = source.read()?;
        Ok(Self {
            source,
            keys: ArcSwapOption::new(keys.map(Arc::new)),
            certificate: tls.map(|tls| Arc::new(CurrentCertificate::new(tls))),
            reading: Mutex::default(),
        })
    }

    pub(crate) fn keys(&self) -> Option<Arc<ApiKeys>> {
        self.keys.load_full()
    }

    pub(crate) fn certificate(&self) -> Option<&Arc<CurrentCertificate>> {
        self.certificate.as_ref()
    }

    /// Reads them again, and goes over to what is new. What cannot be used leaves both as they were.
    ///
    /// # Errors
    /// As [`CredentialSource::read`]; `Invalid` where keys or certificate are not given any more.
    pub(crate) async fn refresh(&self) -> Result<()> {
        let mut reading = self.reading.lock().await;
        let source = &self.source;
        let begin = || {
            let source = source.clone();
            tokio::task::spawn_blocking(move || source.read())
        };
        let read = reading.get_or_insert_with(begin).await;
        *reading = None;
        let stopped = |error| Error::new(ErrorKind::Bug, "a worker thread stopped").with_source(error);
        self.take_over(read.map_err(stopped)??)
    }

    fn take_over(&self, Credentials { keys, tls }: Credentials) -> Result<()> {
        if keys.is_some() != self.keys.load().is_some() || tls.is_some() != self.certificate.is_some() {
            return Err(Error::invalid("keys or a certificate were given at the start alone, or now alone"));
        }
        if self.keys.load().as_deref() != keys.as_ref() {
            let names = keys.as_ref().map(ApiKeys::names).unwrap_or_default();
            tracing::info!(keys = names, "the API keys have changed");
            self.keys.store(keys.map(Arc::new));
        }
        if let (Some(current), Some(tls)) = (&self.certificate, tls)
            && current.replace(tls)
        {
            tracing::info!("the certificate has changed");
        }
        Ok(())
    }
}
