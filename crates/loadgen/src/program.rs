//! A measured server, and the processor time and memory that it uses.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// For a start and for a stop.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running server; killed when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    /// From the start until it was ready.
    pub(crate) start: Duration,
}

impl Program {
    /// The server in the default profile without limits, with `folder` as its data folder. Password hashing is fast
    /// unless `env` sets another cost.
    pub(crate) async fn server(
        program: &Path,
        folder: &Path,
        env: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(fs::canonicalize(program).with_context(|| {
            format!(
                "{} does not exist; run cargo build --release --bin online-chat",
                program.display()
            )
        })?);
        command
            .env_clear()
            .env("CHAT__HTTP__BIND", address.to_string())
            .env("CHAT__DATA_DIR", folder)
            .env("CHAT__LIMITS__ENABLED", "false")
            .env("CHAT__AUTH__SECRET", "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe")
            .env("CHAT__AUTH__BCRYPT_COST", "4")
            .env("CHAT__LOG__LEVEL", "warn,application::batcher=info")
            .envs(env.iter().copied())
            .current_dir(folder);
        Self::start(command, address, folder).await
    }

    pub(crate) async fn baseline(folder: &Path) -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("baseline").arg(address.to_string());
        Self::start(command, address, folder).await
    }

    async fn start(
        mut command: Command,
        address: SocketAddr,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("log-{}", address.port()));
        let begin = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("{command:?} cannot be run"))?;
        let mut started = Self { child, address, log, start: Duration::ZERO };
        while !is_ready(address).await {
            if let Some(status) = started.child.try_wait()? {
                bail!("the server ended with {status}: {}", started.logged());
            }
            if begin.elapsed() > TIMEOUT {
                bail!("the server is not ready after {TIMEOUT:?}: {}", started.logged());
            }
            sleep(Duration::from_millis(1)).await;
        }
        started.start = begin.elapsed();
        Ok(started)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Processor time used so far: `utime` and `stime` of
    /// [proc_pid_stat(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html).
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program, in brackets, may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks: Vec<u64> =
            fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_micros(ticks.iter().sum::<u64>() * 1_000_000 / per_second))
    }

    pub(crate) fn cpu_since(&self, before: Duration) -> anyhow::Result<Duration> {
        Ok(self.cpu()?.saturating_sub(before))
    }

    /// Waits until the server uses almost no processor time.
    pub(crate) async fn until_idle(&self) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            let before = self.cpu()?;
            sleep(Duration::from_millis(500)).await;
            if self.cpu_since(before)? <= Duration::from_millis(10) {
                return Ok(());
            }
            if begin.elapsed() > TIMEOUT {
                bail!("the server does not become idle");
            }
        }
    }

    /// Bytes of resident memory.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let pages: u64 = statm.split_whitespace().nth(1).context("no pages in statm")?.parse()?;
        Ok(pages * rustix::param::page_size() as u64)
    }

    /// Stops the server gracefully. Returns its log.
    pub(crate) async fn stop(mut self) -> anyhow::Result<String> {
        let id = i32::try_from(self.child.id())?;
        kill_process(Pid::from_raw(id).context("no process")?, Signal::TERM)?;
        let begin = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begin.elapsed() > TIMEOUT {
                bail!("the server has not ended after {TIMEOUT:?}");
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(self.logged())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only if the server has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

async fn is_ready(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    ask.await.is_ok_and(|answer| &answer == b"HTTP/1.1 200")
}
