//! The built program, started in a folder of its own with an empty environment.
#![expect(clippy::expect_used, reason = "a test that cannot go on should fail")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// For a run to its end.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A working directory for one test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("online-chat-program-{}-{number}", process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).expect("no other process has this id");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Runs the program here, to its end.
    pub(crate) fn run(&self, arguments: &[&str], env: &[(&str, &str)]) -> Ended {
        let mut program = Command::new(env!("CARGO_BIN_EXE_online-chat"));
        program.args(arguments).env_clear().envs(env.iter().copied());
        self.run_command(program)
    }

    /// Runs `command` here, to its end. Fails when that takes too long.
    pub(crate) fn run_command(&self, mut command: Command) -> Ended {
        command.current_dir(&self.0).stdin(Stdio::null());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.expect("cargo has built the program");
        let id = child.id();
        let (sender, output) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(output) = output.recv_timeout(TIMEOUT) else {
            let kill = format!("kill -KILL {id}");
            let killed = Command::new("sh").args(["-c", &kill]).status();
            panic!("{command:?} did not end in {TIMEOUT:?}; {kill}: {killed:?}");
        };
        Ended::from(output.expect("its output can be read"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The status; `None` after a signal.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
