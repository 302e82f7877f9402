//! The variables of the environment and of `.env` that may set something.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use super::{Mistake, Origin};
use crate::env_file;

/// Every name with `__` behind it sets a key.
pub(super) const PREFIX: &str = "CHAT__";

/// What every name of ours begins with. Others may begin with it too: what runs
/// containers names services like that.
pub(super) const OURS: &str = "CHAT_";

/// Names of their own, the reference server's among them.
pub(super) const PLAIN_NAMES: [&str; 10] = [
    "CHAT_PROFILE",
    "DATABASE_URL",
    "REDIS_URL",
    "USE_SQLITE",
    "REDIS_HOST",
    "DATABASE_NAME",
    "DATABASE_USER",
    "DATABASE_PASSWORD",
    "DATABASE_HOST",
    "DATABASE_PORT",
];

/// Where a variable was found; the environment outranks the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    EnvFile,
    Environment,
}

impl Source {
    /// The origin of a value that these variables of the source gave.
    pub(super) fn origin(self, names: &[&str]) -> Origin {
        let names = names.join(", ");
        match self {
            Self::EnvFile => Origin::EnvFile(names),
            Self::Environment => Origin::Environment(names),
        }
    }
}

/// A variable's text and where it was found.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) text: String,
    pub(super) source: Source,
}

/// The variables that may set something, by name.
pub(super) type Variables = BTreeMap<String, Variable>;

/// Collects the variables that may set something; one of the environment
/// hides its namesake in the file.
pub(super) fn collect(
    env: impl IntoIterator<Item = (OsString, OsString)>,
    env_file: Option<&Path>,
    mistakes: &mut Vec<Mistake>,
) -> Variables {
    let mut variables = Variables::new();
    for (name, text) in env_file.map_or_else(Vec::new, |path| read_file(path, mistakes)) {
        if may_set_something(&name) {
            variables.insert(name, Variable { text, source: Source::EnvFile });
        }
    }
    for (name, text) in env {
        let Some(name) = name.to_str().filter(|name| may_set_something(name)) else {
            continue;
        };
        match text.into_string() {
            Ok(text) => {
                let variable = Variable { text, source: Source::Environment };
                variables.insert(name.to_owned(), variable);
            }
            Err(_) => mistakes.push(Mistake {
                origin: Some(Source::Environment.origin(&[name])),
                ..Mistake::about(name, "is not valid UTF-8")
            }),
        }
    }
    variables
}

fn may_set_something(name: &str) -> bool {
    name.starts_with(OURS) || PLAIN_NAMES.contains(&name)
}

/// The assignments of the file; an absent one has none.
fn read_file(path: &Path, mistakes: &mut Vec<Mistake>) -> Vec<(String, String)> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let (pairs, errors) = env_file::parse(&text);
            let subject = path.display().to_string();
            mistakes.extend(errors.iter().map(|error| Mistake::about(&subject, error.to_string())));
            pairs
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let rule = format!("cannot be read: {}", reason(&error));
            mistakes.push(Mistake::about(path.display().to_string(), rule));
            Vec::new()
        }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::InvalidData => "it is not valid UTF-8".to_owned(),
        _ => error.to_string(),
    }
}
