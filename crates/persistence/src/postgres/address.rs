//! Where a database is, and how one gets there.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::SslMode;
use url::Url;

use super::open::{PostgresError, told};

/// Longest wait for one of its hosts.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A peer that is silent for so long is asked whether it is there…
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// …and one that acknowledges nothing for so long is given up.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);

/// A connection URL, taken apart. Prints without its password.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: tokio_postgres::Config,
    pub(super) security: Security,
    shown: String,
}

/// How a connection is secured; see `sslmode` of libpq.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Security {
    /// Not at all.
    Plain,
    /// Encrypted, whoever is at the other end.
    Encrypted,
    /// The certificate is of a known authority (of this file, or one that the
    /// system trusts), and of this host if `checks_host`.
    Verified { roots: Option<PathBuf>, checks_host: bool },
}

impl Address {
    /// Takes `sslmode` and `sslrootcert` out of the URL, which the driver does not know.
    pub(super) fn parse(text: &str) -> Result<Self, PostgresError> {
        let mut url = Url::parse(text).map_err(|_| PostgresError::Address {
            reason: "it is no URL of the form postgres://user:password@host:port/database".into(),
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
            .map_err(|error| PostgresError::Address { reason: told(&error) })?;
        config.ssl_mode(ssl_mode);
        if config.get_application_name().is_none() {
            config.application_name("online-chat");
        }
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(KEEPALIVE_IDLE)
            .tcp_user_timeout(TCP_USER_TIMEOUT);
        let host = url.host_str().unwrap_or("localhost");
        let shown = format!("{host}:{}{}", url.port().unwrap_or(5432), url.path());
        Ok(Self { config, security, shown })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn security(mode: &str, roots: Option<PathBuf>) -> Result<(SslMode, Security), PostgresError> {
    let of_authority = |roots| Security::Verified { roots, checks_host: false };
    Ok(match mode {
        "disable" => (SslMode::Disable, Security::Plain),
        "prefer" => (SslMode::Prefer, Security::Encrypted),
        // As libpq does: who names an authority wants it to be asked.
        "require" if roots.is_some() => (SslMode::Require, of_authority(roots)),
        "require" => (SslMode::Require, Security::Encrypted),
        "verify-ca" => (SslMode::Require, of_authority(roots)),
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
    fn the_security_of_a_connection_is_that_of_libpq() {
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
    fn what_cannot_be_used_is_named_without_the_password() {
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
