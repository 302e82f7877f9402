//! TLS configuration.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Security;
use super::open::PostgresError;

/// Plain connections never use the result.
pub(super) fn connector(security: &Security) -> Result<MakeRustlsConnect, PostgresError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(tls)?;
    let authority = match security {
        Security::Plain | Security::Encrypted => None,
        Security::Verified { roots, checks_host: true } => {
            let config = builder.with_root_certificates(trusted(roots.as_deref())?);
            return Ok(MakeRustlsConnect::new(config.with_no_client_auth()));
        }
        Security::Verified { roots, checks_host: false } => {
            let (roots, provider) = (Arc::new(trusted(roots.as_deref())?), Arc::clone(&provider));
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider);
            Some(verifier.build().map_err(tls)?)
        }
    };
    let lenient = Arc::new(Lenient { provider, authority });
    let config = builder.dangerous().with_custom_certificate_verifier(lenient);
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

/// The authorities in `file`, or without a file those that the system trusts.
fn trusted(file: Option<&Path>) -> Result<RootCertStore, PostgresError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        let system = rustls_native_certs::load_native_certs();
        let (added, _unreadable) = roots.add_parsable_certificates(system.certs);
        if added == 0 {
            return Err(PostgresError::Tls { reason: "the system trusts no authority".into() });
        }
        return Ok(roots);
    };
    let unreadable = |reason: String| PostgresError::Tls {
        reason: format!("sslrootcert {} cannot be used: {reason}", file.display()),
    };
    let found = CertificateDer::pem_file_iter(file).map_err(|e| unreadable(e.to_string()))?;
    for certificate in found {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unreadable("it contains no certificate".to_owned()));
    }
    Ok(roots)
}

fn tls(error: impl std::fmt::Display) -> PostgresError {
    PostgresError::Tls { reason: error.to_string() }
}

/// Verifies less of a certificate than rustls by default.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    /// Verifies the authority, but not the host name. `None` accepts every certificate, so that the
    /// connection is encrypted but the server is not verified.
    authority: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        match authority.verify_server_cert(certificate, intermediates, host, ocsp, now) {
            // rustls checks the host name last, so everything else is valid.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
