//! A TCP proxy whose line can be slow or silent.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// How the proxy forwards bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// This much later, in each direction.
    Delayed(Duration),
    /// Once this changes.
    Held,
    /// Never: a connection that sends anything meanwhile stays silent.
    Lost,
}

/// Accepts connections on a port of its own. Whatever the line, it acknowledges what it gets.
#[derive(Debug)]
pub struct TcpProxy {
    port: u16,
    line: watch::Sender<Line>,
    task: JoinHandle<()>,
}

impl TcpProxy {
    /// Starts a proxy to a port of this machine, without a delay.
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (line, watched) = watch::channel(Line::Delayed(Duration::ZERO));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                }
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                for (from, to) in [(from_client, to_server), (from_server, to_client)] {
                    let (queue, queued) = mpsc::unbounded_channel();
                    tokio::spawn(read(from, queue, watched.clone()));
                    tokio::spawn(write(queued, to, watched.clone()));
                }
            }
        });
        Self { port, line, task }
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Bytes, and when to forward them.
type Due = (Instant, Vec<u8>);

async fn read(
    mut from: OwnedReadHalf,
    queue: mpsc::UnboundedSender<Due>,
    line: watch::Receiver<Line>,
) {
    let (mut bytes, mut is_lost) = (vec![0; 16 * 1024], false);
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let line = *line.borrow();
        is_lost |= line == Line::Lost;
        let delay = if let Line::Delayed(delay) = line { delay } else { Duration::ZERO };
        if !is_lost && queue.send((Instant::now() + delay, bytes[..count].to_vec())).is_err() {
            return;
        }
    }
}

async fn write(
    mut queued: mpsc::UnboundedReceiver<Due>,
    mut to: OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
) {
    while let Some((due, bytes)) = queued.recv().await {
        sleep_until(due).await;
        let goes_on = line.wait_for(|line| *line != Line::Held).await.is_ok();
        if !goes_on || to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
