//! A Redis.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use crate::PATIENCE;

/// Between two looks whether it is there.
const GLANCE: Duration = Duration::from_millis(10);

/// A running Redis, on a port of its own; killed when it goes out of scope.
/// Needs `redis-server` on the path.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    /// Where `cert.pem` and `key.pem` are, if it is encrypted.
    certificate: Option<PathBuf>,
}

impl RedisServer {
    /// Starts one, and waits until it takes connections.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts one that speaks TLS alone, with the `cert.pem` and `key.pem` of this folder.
    pub async fn start_encrypted(folder: &Path) -> Self {
        Self::start_with(Some(folder.to_owned())).await
    }

    async fn start_with(certificate: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let child = spawn(port, certificate.as_deref());
        let redis = Self { child, port, certificate };
        redis.ready().await;
        redis
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Kills it; all that it held is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it anew, empty, at the same port.
    pub async fn start_again(&mut self) {
        self.child = spawn(self.port, self.certificate.as_deref());
        self.ready().await;
    }

    /// Lets it stand still, or go on: its connections stay, and nothing is answered.
    pub fn stand_still(&self, still: bool) {
        let signal = if still { "STOP" } else { "CONT" };
        let line = format!("kill -{signal} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &line]).status().unwrap();
        assert!(status.success(), "{line}");
    }

    async fn ready(&self) {
        let connected = async {
            let mut glances = interval(GLANCE);
            loop {
                glances.tick().await;
                if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                    break;
                }
            }
        };
        timeout(PATIENCE, connected).await.expect("Redis takes no connections");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Both fail only when it has ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It keeps nothing on disk, so that each start is an empty one.
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
