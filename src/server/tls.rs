//! Certificate and key of a server, from PEM text.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// A certificate chain with its key.
pub struct Tls {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why a certificate or key cannot be used.
#[derive(Debug)]
pub struct TlsError {
    what: &'static str,
    cause: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.what, self.cause)
    }
}

impl std::error::Error for TlsError {}

impl Tls {
    /// Reads a certificate chain, that of the server first, and its private key.
    ///
    /// # Errors
    /// Text that holds none, or a key that is not the certificate's.
    pub fn of_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let wrong = |what, cause: String| TlsError { what, cause };
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong("the certificate cannot be read", error.to_string()))?;
        if chain.is_empty() {
            return Err(wrong("the certificate cannot be read", "there is none in the file".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| wrong("the private key cannot be read", error.to_string()))?;
        let tls = Self { chain, key };
        tls.acceptor(b"http/1.1")?;
        Ok(tls)
    }

    /// What shakes hands, for one protocol.
    pub(crate) fn acceptor(&self, protocol: &[u8]) -> Result<TlsAcceptor, TlsError> {
        let unusable = |error: rustls::Error| TlsError {
            what: "the certificate cannot be used",
            cause: error.to_string(),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(unusable)?;
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}
