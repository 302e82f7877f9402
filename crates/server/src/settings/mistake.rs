//! Where a value comes from, and what is wrong with it.

use std::fmt;

/// Where a value comes from; the later outranks the earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// config/default.toml.
    Default,
    /// The named profile.
    Profile(&'static str),
    /// The named variables of `.env`.
    EnvFile(String),
    /// The named variables of the environment.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::EnvFile(names) => write!(f, ".env {names}"),
            Self::Environment(names) => write!(f, "environment {names}"),
        }
    }
}

/// A setting that cannot be used. Prints as one sentence, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The key, or what else is wrong: a variable, a line of `.env`.
    pub(super) subject: String,
    /// The value as given, already fit to be shown.
    pub(super) shown: Option<String>,
    /// Where it was given.
    pub(super) origin: Option<Origin>,
    /// What should be.
    pub(super) rule: String,
}

impl Mistake {
    /// A mistake that is not about one value.
    pub(super) fn about(subject: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { subject: subject.into(), shown: None, origin: None, rule: rule.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        if let Some(shown) = &self.shown {
            write!(f, " = {shown}")?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        write!(f, " {}", self.rule)
    }
}
