//! A small disk: a tmpfs that only the program sees, and that ends with it.

use std::{
    fs,
    io::{self, Write},
    process::Command,
};

use super::{program::Folder, server::Server};

/// A data folder of this many KiB.
#[derive(Clone, Copy)]
pub(crate) struct SmallDisk(u32);

impl SmallDisk {
    /// `None`, with a line on standard error, where this user may not mount anything even in a namespace.
    pub(crate) fn of_kib(kib: u32) -> Option<Self> {
        let mut probe = in_own_namespace("mount -t tmpfs tmpfs /tmp");
        let possible = probe.output().is_ok_and(|output| output.status.success());
        if !possible {
            // Not with `eprintln!`, which the test runner captures.
            writeln!(io::stderr(), "SKIPPED: a full data folder, as nothing can be mounted here")
                .expect("standard error is open");
        }
        possible.then_some(Self(kib))
    }

    /// The program, with this disk as the folder `data` in `folder`.
    pub(crate) fn program(self, folder: &Folder) -> Command {
        fs::create_dir(folder.path().join("data")).unwrap();
        let mount = format!("mount -t tmpfs -o size={}k tmpfs data", self.0);
        in_own_namespace(&format!("{mount} && exec {} serve", env!("CARGO_BIN_EXE_online-chat")))
    }

    /// Fills the disk until [`SmallDisk::make_room`].
    pub(crate) fn fill(server: &Server) -> io::Result<()> {
        let mut file = fs::File::create(Self::filler(server))?;
        for chunk in [&[0; 4096][..], &[0]] {
            while file.write_all(chunk).is_ok() {}
        }
        Ok(())
    }

    pub(crate) fn make_room(server: &Server) -> io::Result<()> {
        fs::remove_file(Self::filler(server))
    }

    /// A file on the disk of a running server, as seen from here.
    fn filler(server: &Server) -> String {
        format!("/proc/{}/cwd/data/filler", server.id())
    }
}

fn in_own_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script]);
    command
}
