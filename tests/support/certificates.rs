//! Authorities and certificates, made for one test.

use rcgen::{
    date_time_ymd, BasicConstraints, CertificateParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use smartipc_native::ipc::tls::{Certificates, ClientTls, ServerTls};

/// An authority that signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority");
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// The authority's own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `name` and its key.
    pub fn sign(&self, name: &str) -> Certificates {
        self.sign_until(name, 2099)
    }

    /// A certificate that expires at the beginning of `year`.
    pub fn sign_until(&self, name: &str, year: i32) -> Certificates {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        Certificates {
            cert: Some(params.signed_by(&key, &self.0).unwrap().pem()),
            key: Some(key.serialize_pem()),
            ca: Vec::new(),
        }
    }

    /// TLS of a server on this machine.
    pub fn server(&self) -> ServerTls {
        ServerTls::new(&self.sign("127.0.0.1"), false).unwrap()
    }

    /// TLS of a server that wants certificates of this authority.
    pub fn strict_server(&self) -> ServerTls {
        let certificates = Certificates {
            ca: vec![self.pem()],
            ..self.sign("127.0.0.1")
        };
        ServerTls::new(&certificates, true).unwrap()
    }

    /// TLS of a client that trusts this authority and shows `own`.
    pub fn client(&self, own: Option<Certificates>) -> ClientTls {
        let certificates = Certificates {
            ca: vec![self.pem()],
            ..own.unwrap_or_default()
        };
        ClientTls::new(&certificates, "127.0.0.1").unwrap()
    }
}
