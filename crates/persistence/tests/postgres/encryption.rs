//! `sslmode` and TLS.

use std::env;
use std::sync::Arc;

use persistence::{PostgresChat, PostgresError, PostgresOptions};
use testkit::ManualClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use crate::database::{Database, server_url};

/// The file of the server's certificate, which is its own authority and valid only for 127.0.0.1.
const CERTIFICATE: &str = "TEST_POSTGRES_CERTIFICATE";

async fn open(url: &str) -> Result<PostgresChat, PostgresError> {
    let clock = Arc::new(ManualClock::default());
    PostgresChat::open(url, clock, PostgresOptions { connections: 1 }).await
}

/// The URL of the database at this host, with these parameters.
fn at(database: &Database, host: &str, query: &str) -> String {
    let mut url = Url::parse(&database.url).unwrap();
    url.set_host(Some(host)).unwrap();
    url.set_query(Some(&format!("{query}&application_name=test_encryption")));
    url.into()
}

/// Whether the connections of the program are encrypted. The one that migrated may still be closing,
/// so there can be several.
async fn is_encrypted(database: &Database) -> bool {
    let asked = "select distinct ssl from pg_stat_ssl join pg_stat_activity using (pid) \
                 where datname = current_database() and application_name = 'test_encryption'";
    database.connect().await.query_one(asked, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sslmode_encrypts_and_verifies_as_in_libpq() {
    let certificate = env::var(CERTIFICATE).unwrap();
    let known = format!("sslrootcert={certificate}");
    let cases = [
        ("127.0.0.1", "sslmode=disable".to_owned(), Some(false)),
        ("127.0.0.1", "sslmode=prefer".to_owned(), Some(true)),
        ("127.0.0.1", "sslmode=require".to_owned(), Some(true)),
        ("localhost", format!("sslmode=require&{known}"), Some(true)),
        ("127.0.0.1", "sslmode=verify-ca".to_owned(), None),
        ("localhost", format!("sslmode=verify-ca&{known}"), Some(true)),
        ("127.0.0.1", "sslmode=verify-full".to_owned(), None),
        ("localhost", format!("sslmode=verify-full&{known}"), None),
        ("127.0.0.1", format!("sslmode=verify-full&{known}"), Some(true)),
    ];
    for (host, query, want) in cases {
        let database = Database::create().await;
        let opened = open(&at(&database, host, &query)).await;

        match (&opened, want) {
            (Ok(chat), Some(encrypted)) => {
                assert_eq!(chat.synchronous_commit().await.unwrap(), "on");
                assert_eq!(is_encrypted(&database).await, encrypted, "{host} {query}");
            }
            (Err(PostgresError::Unreachable { .. }), None) => {}
            _ => panic!("{host} {query}: {:?}", opened.err()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_authority_is_reported() {
    let database = Database::create().await;
    let error = open(&at(&database, "127.0.0.1", "sslmode=verify-ca&sslrootcert=/no/such.pem"))
        .await
        .err()
        .unwrap();

    assert!(matches!(error, PostgresError::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains("/no/such.pem"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_if_tls_is_required() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let plain = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Answers like a server without TLS.
            let mut request = [0; 8];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(b"N").await.unwrap();
        }
    });

    for mode in ["require", "verify-full"] {
        let mut url = Url::parse(&server_url()).unwrap();
        url.set_port(Some(port)).unwrap();
        url.set_query(Some(&format!("sslmode={mode}")));
        let error = open(url.as_str()).await.err().unwrap();

        assert!(matches!(error, PostgresError::Unreachable { .. }), "{mode}: {error:?}");
    }
    plain.abort();
}
