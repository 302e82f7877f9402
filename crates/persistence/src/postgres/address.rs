//! Parses the URL of a database.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{SslMode, SslNegotiation};
use url::Url;

use super::open::PostgresError;
use application::ports::with_causes;

/// For each host of the URL.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The idle time before a keepalive probe, and the time between probes.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(3);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
/// The connection is dropped once the machine of the server acknowledges nothing for this long. A
/// slow server is not: its machine acknowledges packets while a statement runs.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection URL. Its `Display` leaves out the password.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: tokio_postgres::Config,
    pub(super) ssl_mode: SslMode,
    pub(super) security: Security,
    display: String,
}

/// How a connection is secured, as `sslmode` of libpq defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Security {
    Plain,
    /// Encrypted, without checking the certificate.
    Encrypted,
    /// The certificate must be signed by an authority in the file `roots`, or without a file by one
    /// that the system trusts. With `checks_host`, it must also name the host.
    Verified {
        roots: Option<PathBuf>,
        checks_host: bool,
    },
}

impl Address {
    /// Handles `sslmode` and `sslrootcert` here, because the driver does not know them.
    pub(super) fn parse(text: &str) -> Result<Self, PostgresError> {
        let mut url = Url::parse(text).map_err(|_| PostgresError::Address {
            reason: "it is not a URL of the form postgres://user:password@host:port/database"
                .into(),
        })?;
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for (name, value) in url.query_pairs().into_owned() {
            match name.as_str() {
                "sslmode" => mode = Some(value),
                "sslrootcert" => roots = Some(PathBuf::from(value)),
                _ => rest.push((name, value)),
            }
        }
        url.set_query(None);
        if !rest.is_empty() {
            url.query_pairs_mut().extend_pairs(&rest);
        }
        let (ssl_mode, security) = security(mode.as_deref().unwrap_or("prefer"), roots)?;
        let mut config: tokio_postgres::Config = url
            .as_str()
            .parse()
            .map_err(|error| PostgresError::Address { reason: with_causes(&error) })?;
        // `Transport` asks for TLS in place of the driver.
        config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        if config.get_application_name().is_none() {
            config.application_name("online-chat");
        }
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .tcp_user_timeout(TCP_USER_TIMEOUT);
        let host = url.host_str().unwrap_or("localhost");
        let display = format!("{host}:{}{}", url.port().unwrap_or(5432), url.path());
        Ok(Self { config, ssl_mode, security, display })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display)
    }
}

fn security(mode: &str, roots: Option<PathBuf>) -> Result<(SslMode, Security), PostgresError> {
    let verify_authority = |roots| Security::Verified { roots, checks_host: false };
    Ok(match mode {
        "disable" => (SslMode::Disable, Security::Plain),
        "prefer" => (SslMode::Prefer, Security::Encrypted),
        // Like libpq, naming an authority enables the check.
        "require" if roots.is_some() => (SslMode::Require, verify_authority(roots)),
        "require" => (SslMode::Require, Security::Encrypted),
        "verify-ca" => (SslMode::Require, verify_authority(roots)),
        "verify-full" => (SslMode::Require, Security::Verified { roots, checks_host: true }),
        _ => {
            let reason = "sslmode must be disable, prefer, require, verify-ca or verify-full";
            return Err(PostgresError::Address { reason: reason.into() });
        }
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Address, Security};

    #[test]
    fn sslmode_means_what_it_means_in_libpq() {
        let file = || Some(PathBuf::from("/ca.pem"));
        let verified = |roots, checks_host| Security::Verified { roots, checks_host };
        let cases = [
            ("", Security::Encrypted),
            ("?sslmode=disable", Security::Plain),
            ("?sslmode=require", Security::Encrypted),
            ("?sslmode=require&sslrootcert=/ca.pem", verified(file(), false)),
            ("?sslmode=verify-ca&application_name=x", verified(None, false)),
            ("?sslmode=verify-full&sslrootcert=/ca.pem", verified(file(), true)),
        ];
        for (query, want) in cases {
            let address = Address::parse(&format!("postgres://u:secret@h:1/db{query}")).unwrap();

            assert_eq!(address.security, want, "case: {query}");
            assert_eq!(address.to_string(), "h:1/db");
        }
    }

    #[test]
    fn an_invalid_url_is_reported_without_its_password() {
        let cases = [
            ("postgres://u:secret@h/db?sslmode=maybe", "sslmode"),
            ("postgres://u:secret@h/db?sslmoed=require", "sslmoed"),
            ("secret", "URL"),
        ];
        for (url, want) in cases {
            let error = Address::parse(url).err().unwrap().to_string();

            assert!(error.contains(want) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
