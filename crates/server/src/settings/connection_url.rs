//! Parses and compares the URLs of `storage.url` and `bus.redis_url`.

use std::path::PathBuf;

use url::Url;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConnectionUrl {
    /// An empty text: SQLite in the data folder for storage, no Redis for the bus.
    Unset,
    Sqlite(PathBuf),
    Postgres(Server),
    Redis(Server),
}

/// A service on the network.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Server {
    tls: bool,
    user: String,
    password: Option<String>,
    host: String,
    port: u16,
    database: String,
    parameters: Option<String>,
}

/// Without the password.
impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}/{}", self.host, self.port, self.database)
    }
}

impl ConnectionUrl {
    /// Parses any supported URL. The error is the broken rule.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const FORMS: &str = "must be `sqlite:///absolute/path`, `sqlite:relative/path`, \
                             `postgres://…` or, for Redis, `redis://…`";
        if text.is_empty() {
            return Ok(Self::Unset);
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" | "/" | "//" => Err("must name a file behind `sqlite:`"),
                ":memory:" | "/:memory:" => {
                    Err("must name a file: a database in memory loses everything at the end")
                }
                _ if path.contains(['?', '#', '\0']) => Err("takes no parameters behind the path"),
                _ => Ok(Self::Sqlite(PathBuf::from(path))),
            };
        }
        let url = Url::parse(text).map_err(|_| FORMS)?;
        match url.scheme() {
            "postgres" | "postgresql" => {
                check_ssl_mode(&url)?;
                Ok(Self::Postgres(server(&url, 5432)?))
            }
            "redis" | "rediss" => Ok(Self::Redis(server(&url, 6379)?)),
            _ => Err(FORMS),
        }
    }
}

fn server(url: &Url, default_port: u16) -> Result<Server, &'static str> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("must name a host")?;
    let path = url.path().trim_matches('/');
    // 0 is the default database of Redis.
    let database = if url.scheme().starts_with("redis") && path == "0" { "" } else { path };
    Ok(Server {
        tls: url.scheme() == "rediss",
        user: url.username().to_owned(),
        password: url.password().map(str::to_owned),
        host: host.to_owned(),
        port: url.port().unwrap_or(default_port),
        database: database.to_owned(),
        parameters: url.query().filter(|query| !query.is_empty()).map(str::to_owned),
    })
}

/// The modes of libpq, except `allow`, which prefers an unencrypted connection.
const SSL_MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

fn check_ssl_mode(url: &Url) -> Result<(), &'static str> {
    let mut modes = url.query_pairs().filter(|(name, _)| name == "sslmode").map(|(_, mode)| mode);
    let known = modes.next().is_none_or(|mode| SSL_MODES.contains(&mode.as_ref()));
    if known && modes.next().is_none() {
        Ok(())
    } else {
        Err("takes one sslmode: disable, prefer, require, verify-ca or verify-full")
    }
}

/// Whether two texts mean the same. An empty text agrees with any SQLite file.
pub(super) fn agree(one: &str, other: &str) -> bool {
    use ConnectionUrl::{Sqlite, Unset};
    one == other
        || match (ConnectionUrl::parse(one), ConnectionUrl::parse(other)) {
            (Ok(Unset), Ok(Sqlite(_))) | (Ok(Sqlite(_)), Ok(Unset)) => true,
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{ConnectionUrl, SSL_MODES, agree};

    #[test]
    fn a_sqlite_url_names_an_absolute_or_a_relative_file() {
        let cases = [
            ("sqlite:///var/chat.db", "/var/chat.db"),
            ("sqlite:////var/chat.db", "//var/chat.db"),
            ("sqlite:chat.db", "chat.db"),
            ("sqlite://chat.db", "chat.db"),
            ("sqlite:/var/a b.db", "/var/a b.db"),
        ];
        for (text, want) in cases {
            let want = ConnectionUrl::Sqlite(PathBuf::from(want));
            assert_eq!(ConnectionUrl::parse(text), Ok(want), "case: {text}");
        }
    }

    #[test]
    fn a_url_without_a_database_is_refused() {
        for text in [
            "sqlite:",
            "sqlite://",
            "sqlite:///",
            "sqlite::memory:",
            "sqlite:///x?mode=ro",
            "mysql://h/db",
            "postgres:///db",
            "/var/chat.db",
            "postgres://h/db?sslmode=",
            "postgres://h/db?sslmode=allow",
            "postgres://h/db?sslmode=Require",
            "postgres://h/db?sslmode=require&sslmode=disable",
        ] {
            assert!(ConnectionUrl::parse(text).is_err(), "case: {text}");
        }
    }

    #[test]
    fn the_ssl_modes_of_postgresql_are_accepted() {
        for mode in SSL_MODES {
            let text = format!("postgres://h/db?application_name=chat&sslmode={mode}");
            assert!(
                matches!(ConnectionUrl::parse(&text), Ok(ConnectionUrl::Postgres(_))),
                "case: {mode}"
            );
        }
    }

    #[test]
    fn urls_agree_when_they_mean_the_same_database() {
        let cases = [
            ("postgres://u:p@h/db", "postgresql://u:p@h:5432/db", true),
            ("postgres://u:p@h/db", "postgres://u:q@h/db", false),
            ("postgres://h/db", "postgres://h/db?", true),
            ("postgres://h/db", "postgres://h/db?sslmode=require", false),
            ("postgres://h/db", "sqlite:///db", false),
            ("", "sqlite:///db", true),
            ("sqlite:///a", "sqlite:///b", false),
            ("", "postgres://h/db", false),
            ("redis://h:6379", "redis://h/0", true),
            ("redis://h", "rediss://h", false),
            ("", "redis://h", false),
            ("127.0.0.1:1", "127.0.0.1:2", false),
        ];
        for (one, other, want) in cases {
            assert_eq!(agree(one, other), want, "case: {one} {other}");
            assert_eq!(agree(other, one), want, "case: {other} {one}");
        }
    }
}
