//! A Redis server of its own for a test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use crate::TEST_TIMEOUT;

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A running Redis on a port of its own, killed when it is dropped. Needs
/// `redis-server` on the path.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    /// The folder of `cert.pem` and `key.pem`, if it is encrypted.
    certificate: Option<PathBuf>,
}

impl RedisServer {
    /// Starts it and waits until it accepts connections.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts one that accepts only TLS, with the `cert.pem` and `key.pem` of this folder.
    pub async fn start_encrypted(folder: &Path) -> Self {
        Self::start_with(Some(folder.to_owned())).await
    }

    async fn start_with(certificate: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let child = spawn(port, certificate.as_deref());
        let redis = Self { child, port, certificate };
        redis.wait_until_ready().await;
        redis
    }

    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Kills it. Its data is lost.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, empty, on the same port.
    pub async fn restart(&mut self) {
        self.child = spawn(self.port, self.certificate.as_deref());
        self.wait_until_ready().await;
    }

    /// Suspends or resumes the process. Connections stay open, but nothing is answered.
    pub fn suspend(&self, suspended: bool) {
        let signal = if suspended { "STOP" } else { "CONT" };
        let command = format!("kill -{signal} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(status.success(), "{command}");
    }

    async fn wait_until_ready(&self) {
        let connected = async {
            let mut polls = interval(POLL_INTERVAL);
            loop {
                polls.tick().await;
                if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                    break;
                }
            }
        };
        timeout(TEST_TIMEOUT, connected).await.expect("Redis accepts no connections");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps nothing on disk, so that it always starts empty.
fn spawn(port: u16, certificate: Option<&Path>) -> Child {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let port = port.to_string();
    match certificate {
        None => command.args(["--port", &port]),
        Some(folder) => command
            .args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"])
            .arg("--tls-cert-file")
            .arg(folder.join("cert.pem"))
            .arg("--tls-key-file")
            .arg(folder.join("key.pem")),
    };
    command.spawn().expect("redis-server has to be on the path")
}
