//! The layers of settings, laid over each other before any is understood.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use ::config::{File, FileFormat, Map, Source as _, Value, ValueKind};

use super::{Mistake, Origin, Profile, candidates, variables};

const DEFAULTS: &str = include_str!("../../../../config/default.toml");
const PARITY: &str = include_str!("../../../../config/parity.toml");

/// The text of a setting and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(super) text: String,
    pub(super) origin: Origin,
}

impl Entry {
    /// The value as given; for secrets, see [`super::shown()`].
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Every setting as given, and what was wrong with how it was given.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Sources {
    /// Lays the profile over the defaults, `.env` over the profile, and the
    /// environment over all.
    pub(crate) fn gather(
        env: impl IntoIterator<Item = (OsString, OsString)>,
        env_file: Option<&Path>,
    ) -> Self {
        let mut mistakes = Vec::new();
        let mut entries = built_in("default.toml", DEFAULTS, &Origin::Default, &mut mistakes);
        let variables = variables::collect(env, env_file, &mut mistakes);
        let given = candidates::entries(&variables, &entries, &mut mistakes);

        // A profile that does not exist is refused when the key is read.
        let profile = given.get("profile").map(|entry| Profile::parse(&entry.text));
        if let Some(Ok(Profile::Parity)) = profile {
            let origin = Origin::Profile("parity");
            entries.extend(built_in("parity.toml", PARITY, &origin, &mut mistakes));
        }
        entries.extend(given);
        Self { entries, mistakes }
    }

    /// Every key, in alphabetical order, with its value.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), entry))
    }
}

fn built_in(
    file: &str,
    text: &str,
    origin: &Origin,
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<String, Entry> {
    let mut entries = BTreeMap::new();
    match File::from_str(text, FileFormat::Toml).collect() {
        Ok(table) => flatten("", table, origin, &mut entries),
        Err(error) => mistakes.push(Mistake::about(file, format!("is broken: {error}"))),
    }
    entries
}

fn flatten(
    path: &str,
    table: Map<String, Value>,
    origin: &Origin,
    entries: &mut BTreeMap<String, Entry>,
) {
    for (name, value) in table {
        let key = if path.is_empty() { name } else { format!("{path}.{name}") };
        match value.kind {
            ValueKind::Table(section) => flatten(&key, section, origin, entries),
            kind => {
                let text = text_of(&kind);
                entries.insert(key, Entry { text, origin: origin.clone() });
            }
        }
    }
}

/// The text that would set the same by a variable.
fn text_of(kind: &ValueKind) -> String {
    match kind {
        ValueKind::String(text) => text.clone(),
        ValueKind::Array(items) => {
            items.iter().map(|item| text_of(&item.kind)).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{DEFAULTS, Origin, PARITY, built_in};

    #[test]
    fn the_parity_profile_sets_nothing_that_has_no_default() {
        let mut mistakes = Vec::new();
        let defaults = built_in("default.toml", DEFAULTS, &Origin::Default, &mut mistakes);
        let parity = built_in("parity.toml", PARITY, &Origin::Default, &mut mistakes);

        assert_eq!(mistakes, []);
        let unknown: Vec<_> = parity.keys().filter(|key| !defaults.contains_key(*key)).collect();
        assert_eq!(unknown, Vec::<&String>::new());
    }

    #[test]
    fn every_default_has_a_comment_above_it() {
        let mut above = "";
        for line in DEFAULTS.lines() {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(above.starts_with('#'), "line: {line}");
            }
            above = line;
        }
    }
}
