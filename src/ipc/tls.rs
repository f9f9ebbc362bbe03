//! TLS for TCP: certificates, and what a handshake fails with.
//!
//! Options become a rustls configuration once, when an endpoint is made, so that
//! a wrong certificate is an error of the constructor and not of the first
//! connection. The encrypted socket is in [`transport::tls`](super::transport).
//!
//! Both sides check: a client always the server's certificate, a server that of
//! its clients if it was asked to. Neither check can be turned off.

mod failure;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{ring, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

pub(super) use failure::TlsFailure;

/// How long a handshake may take. It is a few milliseconds of work and two round
/// trips; Node's own servers wait for two minutes, which feeds whoever stalls.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Certificates and keys, as PEM texts.
#[derive(Clone, Default)]
pub struct Certificates {
    /// Own certificate, then those that lead to the authority.
    pub cert: Option<String>,
    /// The private key of the own certificate.
    pub key: Option<String>,
    /// Authorities whose certificates the other side may show.
    pub ca: Vec<String>,
}

/// What is wrong with the certificates. The text names the option.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OptionError(String);

impl OptionError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// TLS of a server.
#[derive(Clone)]
pub struct ServerTls {
    pub(super) config: Arc<ServerConfig>,
    pub(super) timeout: Duration,
}

impl ServerTls {
    /// TLS with the server's own certificate; with `request_cert`, only for
    /// clients that show one of an authority in `ca`.
    ///
    /// # Errors
    /// If certificate or key is missing, unreadable, or the one is not for the
    /// other; if client certificates are asked for and no authority is given.
    pub fn new(certificates: &Certificates, request_cert: bool) -> Result<Self, OptionError> {
        let (chain, key) = own(certificates)?
            .ok_or_else(|| OptionError::new("tls.cert and tls.key are needed by a server"))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| OptionError::new(format!("tls: {error}")))?;
        let builder = if request_cert {
            let roots = roots(&certificates.ca)?
                .ok_or_else(|| OptionError::new("tls.requestCert needs tls.ca: whom to trust"))?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| OptionError::new(format!("tls.ca: {error}")))?;
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| wrong_pair(&error))?;
        // A client reconnects seldom enough to be checked in full each time.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self {
            config: Arc::new(config),
            timeout: HANDSHAKE_TIMEOUT,
        })
    }

    /// The same with another bound on the handshake.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// TLS of a client.
#[derive(Clone)]
pub struct ClientTls {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
    pub(super) timeout: Duration,
}

impl ClientTls {
    /// TLS to a server whose certificate is for `name`, a host name or an IP
    /// address, and of an authority in `ca`.
    ///
    /// # Errors
    /// If no authority is given, if a certificate or key is unreadable or the one
    /// is not for the other, or if the name is none.
    pub fn new(certificates: &Certificates, name: &str) -> Result<Self, OptionError> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| OptionError::new(format!("tls.servername: '{name}' is no host name")))?;
        let roots = roots(&certificates.ca)?
            .ok_or_else(|| OptionError::new("tls.ca is needed by a client: whom to trust"))?;
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| OptionError::new(format!("tls.ca: {error}")))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OptionError::new(format!("tls: {error}")))?
            .with_webpki_verifier(verifier);
        let mut config = match own(certificates)? {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| wrong_pair(&error))?,
            None => builder.with_no_client_auth(),
        };
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            name,
            timeout: HANDSHAKE_TIMEOUT,
        })
    }

    /// The same with another bound on the handshake.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn own(certificates: &Certificates) -> Result<Option<Own>, OptionError> {
    let (cert, key) = match (&certificates.cert, &certificates.key) {
        (None, None) => return Ok(None),
        (Some(_), None) => return Err(OptionError::new("tls.cert needs tls.key")),
        (None, Some(_)) => return Err(OptionError::new("tls.key needs tls.cert")),
        (Some(cert), Some(key)) => (cert, key),
    };
    let chain = read_certificates("tls.cert", cert)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
        // rustls reads none, and nobody could type a passphrase for a service.
        let text = if key.contains("ENCRYPTED") {
            "tls.key is encrypted; give it without a passphrase"
        } else {
            "tls.key holds no private key in PEM"
        };
        OptionError::new(text)
    })?;
    Ok(Some((chain, key)))
}

/// The authorities; none if none was given.
fn roots(authorities: &[String]) -> Result<Option<RootCertStore>, OptionError> {
    let mut roots = RootCertStore::empty();
    for pem in authorities {
        for certificate in read_certificates("tls.ca", pem)? {
            roots
                .add(certificate)
                .map_err(|error| OptionError::new(format!("tls.ca: {error}")))?;
        }
    }
    Ok((!roots.is_empty()).then_some(roots))
}

fn read_certificates(option: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, OptionError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(OptionError::new(format!(
            "{option} holds no certificate in PEM"
        ))),
    }
}

fn wrong_pair(error: &rustls::Error) -> OptionError {
    OptionError::new(match error {
        rustls::Error::InconsistentKeys(_) => "tls.key is not the key of tls.cert".to_owned(),
        other => format!("tls.cert and tls.key: {other}"),
    })
}

// Never more than this: a key must not get into a log by way of an option.
impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
