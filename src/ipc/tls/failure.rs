//! What a TLS connection fails with, told apart as far as people can act on it.

use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use crate::ipc::close::CloseReason;

/// Why a TLS connection failed. Both sides come to the same reason: the one that
/// saw it says so in an alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(in crate::ipc) struct TlsFailure {
    /// The reason with which the connection is closed.
    pub(in crate::ipc) reason: CloseReason,
    message: String,
}

impl TlsFailure {
    /// The reason behind an error of the socket, if TLS is it.
    pub(in crate::ipc) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// The peer went away in the middle of the handshake.
    pub(in crate::ipc) fn cut_short() -> Self {
        Self::new(
            CloseReason::TlsFailed,
            "the connection ended during the TLS handshake; does the other side speak TLS?",
        )
    }

    fn new(reason: CloseReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    /// The failure of a connection, in its handshake or later.
    pub(in crate::ipc) fn from_rustls(error: &rustls::Error, handshaking: bool) -> Self {
        use rustls::Error as E;
        match error {
            E::InvalidMessage(InvalidMessage::InvalidContentType) if handshaking => Self::new(
                CloseReason::TlsMismatch,
                "the other side does not speak TLS; its option tls is missing",
            ),
            E::InvalidCertificate(why) => Self::new(
                if is_outdated(why) {
                    CloseReason::TlsExpired
                } else {
                    CloseReason::TlsUntrusted
                },
                format!("the certificate of the other side is refused: {why}"),
            ),
            E::NoCertificatesPresented => Self::new(
                CloseReason::TlsCertificateRequired,
                "the other side showed no certificate",
            ),
            E::AlertReceived(alert) => Self::of_alert(*alert),
            other => Self::new(CloseReason::TlsFailed, format!("TLS failed: {other}")),
        }
    }

    /// What the other side has against us.
    fn of_alert(alert: AlertDescription) -> Self {
        use AlertDescription as A;
        let (reason, message) = match alert {
            A::CertificateExpired => (
                CloseReason::TlsExpired,
                "the other side refuses our certificate: it has expired",
            ),
            A::UnknownCA
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateUnknown
            | A::AccessDenied
            | A::DecryptError => (
                CloseReason::TlsUntrusted,
                "the other side refuses our certificate",
            ),
            A::CertificateRequired => (
                CloseReason::TlsCertificateRequired,
                "the other side wants a certificate, and we have none",
            ),
            _ => (CloseReason::TlsFailed, "the other side broke TLS off"),
        };
        Self::new(reason, format!("{message} (alert {alert:?})"))
    }
}

impl From<TlsFailure> for io::Error {
    fn from(failure: TlsFailure) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, failure)
    }
}

fn is_outdated(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}
