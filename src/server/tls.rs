//! Certificate and key of a server, from PEM text, and the one that handshakes use now.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// A certificate chain with its key.
#[derive(Clone)]
pub struct Tls(Arc<CertifiedKey>);

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
        let key = CertifiedKey::from_der(chain, key, &cryptography()).map_err(unusable)?;
        Ok(Self(Arc::new(key)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("certificates", &self.0.cert.len()).finish_non_exhaustive()
    }
}

fn cryptography() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

fn unusable(error: rustls::Error) -> TlsError {
    let cause = match error {
        rustls::Error::InconsistentKeys(_) => "the private key is that of another certificate".to_owned(),
        other => other.to_string(),
    };
    TlsError { what: "the certificate cannot be used", cause }
}

/// The certificate that the next handshake shows.
pub(crate) struct CurrentCertificate(ArcSwap<CertifiedKey>);

impl CurrentCertificate {
    pub(crate) fn new(tls: Tls) -> Self {
        Self(ArcSwap::new(tls.0))
    }

    /// Goes over to another certificate; false: it is the same. Connections that are there stay as they are.
    pub(crate) fn replace(&self, tls: Tls) -> bool {
        let is_other = self.0.load().cert != tls.0.cert;
        if is_other {
            self.0.store(tls.0);
        }
        is_other
    }

    /// What shakes hands, for one protocol.
    ///
    /// # Errors
    /// The cryptography cannot do what TLS needs.
    pub(crate) fn acceptor(self: &Arc<Self>, protocol: &[u8]) -> Result<TlsAcceptor, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(cryptography()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl fmt::Debug for CurrentCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CurrentCertificate")
    }
}
