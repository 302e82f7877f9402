//! A proxy to the server that can stall.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

/// Forwards bytes. While stalled, it reads and buffers them.
pub(crate) struct Proxy {
    url: String,
    still: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy to the database at `url`.
    pub(crate) async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut front = Url::parse(url).unwrap();
        let server = (front.host_str().unwrap().to_owned(), front.port().unwrap());
        front.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (still, watched) = watch::channel(false);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(pass(from_client, to_server, watched.clone()));
                tokio::spawn(pass(from_server, to_client, watched.clone()));
            }
        });
        Self { url: front.into(), still, task }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn stall(&self, still: bool) {
        self.still.send_replace(still);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut still: watch::Receiver<bool>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count) = from.read(&mut bytes).await {
        let goes_on = still.wait_for(|still| !still).await.is_ok();
        let Some(taken @ [_, ..]) = bytes.get(..count) else { break };
        if !goes_on || to.write_all(taken).await.is_err() {
            break;
        }
    }
}
