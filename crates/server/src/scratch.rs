//! A folder for one test, gone at its end.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use uuid::Uuid;

/// An empty folder that is removed when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let path = env::temp_dir().join(format!("online-chat-test-{}", Uuid::new_v4()));
        fs::create_dir(&path).expect("the folder for temporary files takes a new one");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}
