//! The sources of settings, and the mistakes in them.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs,
    io::{self, ErrorKind},
    path::Path,
};

use ::config::{Config, ConfigError, Environment, File, FileFormat, Map, Value, ValueKind};

use super::{
    Settings,
    aliases::{self, Chosen, is_alias},
    env_file,
    fields::text_of,
    printable,
};

const DEFAULTS: &str = include_str!("../../../../config/default.toml");
const PARITY: &str = include_str!("../../../../config/parity.toml");

/// `CHAT__HTTP__BIND` sets `http.bind`.
const PREFIX: &str = "CHAT__";
/// Orchestrators also name services like this, so an unknown name is no mistake.
const LOOSE_PREFIX: &str = "CHAT_";

/// The source of a value. Each one overrides those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    Profile(&'static str),
    /// By these variables.
    Variables(Layer, Vec<String>),
}

/// The source of a variable. The environment overrides the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    EnvFile,
    Environment,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Variables(Layer::EnvFile, names) => write!(f, ".env {}", names.join(", ")),
            Self::Variables(Layer::Environment, names) => {
                write!(f, "environment {}", names.join(", "))
            }
        }
    }
}

/// An invalid setting. Prints as one sentence, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// A key, a variable, or a line of `.env`.
    subject: String,
    /// Contains no secret.
    value: Option<String>,
    origin: Option<Origin>,
    /// The rest of a sentence, such as "must name a folder".
    rule: String,
}

impl Mistake {
    pub(super) fn about(subject: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { subject: subject.into(), value: None, origin: None, rule: rule.into() }
    }

    pub(super) fn with_value(self, value: String) -> Self {
        Self { value: Some(value), ..self }
    }

    pub(super) fn set_by(self, layer: Layer, names: &[&str]) -> Self {
        Self { origin: Some(origin(layer, names)), ..self }
    }
}

fn origin(layer: Layer, names: &[&str]) -> Origin {
    Origin::Variables(layer, names.iter().map(|&name| name.to_owned()).collect())
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        write!(f, " {}", self.rule)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) text: String,
    pub(super) layer: Layer,
}

pub(super) type Variables = BTreeMap<String, Variable>;

/// The text of a setting, and where it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// May be a secret. See [`printable`].
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

/// The text and source of all settings, and the mistakes in the sources.
#[derive(Debug)]
pub(crate) struct Sources {
    defaults: Config,
    config: Config,
    entries: BTreeMap<String, Entry>,
    mistakes: Vec<Mistake>,
}

impl Sources {
    /// Layers the profile over the defaults, then `.env`, then the environment.
    pub(crate) fn gather(
        env: impl IntoIterator<Item = (OsString, OsString)>,
        env_file: Option<&Path>,
    ) -> Self {
        let mut mistakes = Vec::new();
        let variables = collect(env, env_file, &mut mistakes);
        let mut gathered = Self {
            defaults: Config::default(),
            config: Config::default(),
            entries: BTreeMap::new(),
            mistakes,
        };
        if let Err(error) = gathered.layer(&variables) {
            gathered.mistakes.push(Mistake::about("config", format!("cannot be read: {error}")));
        }
        gathered
    }

    fn layer(&mut self, variables: &Variables) -> Result<(), ConfigError> {
        let built_in = |text| File::from_str(text, FileFormat::Toml);
        self.defaults = Config::builder().add_source(built_in(DEFAULTS)).build()?;
        let keys: Vec<String> = flatten(&self.defaults).into_keys().collect();
        self.mistakes.extend(
            variables.iter().filter_map(|(name, variable)| misspelt(name, variable, &keys)),
        );
        let chosen = aliases::resolve(variables, &mut self.mistakes);

        let mut layers = Config::builder().add_source(self.defaults.clone());
        let mut profile = BTreeMap::new();
        // An unknown profile is reported when its key is parsed.
        if chosen.get("profile").is_some_and(|chosen| chosen.text == "parity") {
            layers = layers.add_source(built_in(PARITY));
            profile = flatten(&Config::builder().add_source(built_in(PARITY)).build()?);
        }
        let texts = keys.iter().map(|key| own_name(key)).filter_map(|name| {
            let text = variables.get(&name)?.text.clone();
            Some((name, text))
        });
        layers = layers.add_source(
            Environment::with_prefix("CHAT")
                .prefix_separator("__")
                .separator("__")
                .source(Some(texts.collect())),
        );
        for (key, Chosen { text, .. }) in &chosen {
            layers = layers.set_override(*key, text.as_str())?;
        }
        self.config = layers.build()?;

        let origin_of = |key: &str| {
            let name = own_name(key);
            if let Some(Chosen { layer, names, .. }) = chosen.get(key) {
                origin(*layer, names)
            } else if let Some(variable) = variables.get(&name) {
                origin(variable.layer, &[&name])
            } else if profile.contains_key(key) {
                Origin::Profile("parity")
            } else {
                Origin::Default
            }
        };
        self.entries = flatten(&self.config)
            .into_iter()
            .map(|(key, text)| {
                let origin = origin_of(&key);
                (key, Entry { text, origin })
            })
            .collect();
        Ok(())
    }

    /// In the order of the keys.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), entry))
    }

    /// The settings, or every mistake in them.
    pub(crate) fn settings(mut self) -> Result<Settings, Vec<Mistake>> {
        let mut refused = BTreeMap::new();
        if self.entries.is_empty() {
            return Err(self.mistakes);
        }
        // serde stops at the first mistake. Record it, use the default instead, and read again.
        let mut settings: Settings = loop {
            match serde_path_to_error::deserialize(self.config.clone()) {
                Ok(settings) => break settings,
                Err(error) => {
                    let key = error.path().to_string();
                    let mistake = self.refuse(&key, rule(error.into_inner()));
                    let known = !refused.contains_key(&key);
                    refused.insert(key.clone(), mistake);
                    match self.with_default(&key) {
                        Ok(config) if known => self.config = config,
                        _ => {
                            return Err(self
                                .mistakes
                                .into_iter()
                                .chain(refused.into_values())
                                .collect());
                        }
                    }
                }
            }
        };
        let text =
            |key: &str| self.entries.get(key).map_or_else(String::new, |entry| entry.text.clone());
        for (key, other, rule) in settings.contradictions(text) {
            if !refused.contains_key(key) && !refused.contains_key(other) {
                refused.insert(key.to_owned(), self.refuse(key, rule));
            }
        }
        self.mistakes.extend(refused.into_values());
        settings.storage.url.resolve(&settings.data_dir);
        if self.mistakes.is_empty() { Ok(settings) } else { Err(self.mistakes) }
    }

    fn with_default(&self, key: &str) -> Result<Config, ConfigError> {
        let default: Value = self.defaults.get(key)?;
        Config::builder().add_source(self.config.clone()).set_override(key, default)?.build()
    }

    fn refuse(&self, key: &str, rule: String) -> Mistake {
        let entry = self.entries.get(key);
        Mistake {
            subject: key.to_owned(),
            value: entry.map(|entry| printable(key, &entry.text)),
            origin: entry.map(|entry| entry.origin.clone()),
            rule,
        }
    }
}

/// The message of an error, without the key that `config` adds.
fn rule(error: ConfigError) -> String {
    match error {
        ConfigError::At { error, .. } => rule(*error),
        error => error.to_string(),
    }
}

/// The text of every key, such as `http.bind`.
fn flatten(config: &Config) -> BTreeMap<String, String> {
    fn walk(path: &str, table: Map<String, Value>, texts: &mut BTreeMap<String, String>) {
        for (name, value) in table {
            match value.kind {
                ValueKind::Table(section) => walk(&format!("{path}{name}."), section, texts),
                kind => drop(texts.insert(format!("{path}{name}"), text_of(&kind))),
            }
        }
    }
    let mut texts = BTreeMap::new();
    if let ValueKind::Table(root) = &config.cache.kind {
        walk("", root.clone(), &mut texts);
    }
    texts
}

pub(super) fn own_name(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}

/// Reports a name that looks like a setting but is none. Does not print the value, which may be a secret.
fn misspelt(name: &str, variable: &Variable, keys: &[String]) -> Option<Mistake> {
    let (key, known) = if let Some(path) = name.strip_prefix(PREFIX) {
        let key = path.to_ascii_lowercase().replace("__", ".");
        let known = keys.contains(&key);
        (key, known)
    } else if is_alias(name) {
        return None;
    } else {
        let path = name.strip_prefix(LOOSE_PREFIX)?.to_ascii_lowercase();
        (keys.iter().find(|key| key.replace('.', "_") == path)?.clone(), true)
    };
    let rule = match own_name(&key) {
        own if known && own == name => return None,
        own if known => format!("is not a setting; write {own}"),
        _ => "is not a setting; `online-chat config` lists all of them".to_owned(),
    };
    Some(Mistake::about(key, rule).set_by(variable.layer, &[name]))
}

/// Collects the variables of settings. The environment overrides the file.
fn collect(
    env: impl IntoIterator<Item = (OsString, OsString)>,
    env_file: Option<&Path>,
    mistakes: &mut Vec<Mistake>,
) -> Variables {
    let may_set = |name: &str| name.starts_with(LOOSE_PREFIX) || is_alias(name);
    let mut variables = Variables::new();
    for (name, text) in env_file.map_or_else(Vec::new, |path| read_env_file(path, mistakes)) {
        if may_set(&name) {
            variables.insert(name, Variable { text, layer: Layer::EnvFile });
        }
    }
    for (name, text) in env {
        let Some(name) = name.to_str().filter(|name| may_set(name)) else { continue };
        if let Ok(text) = text.into_string() {
            variables.insert(name.to_owned(), Variable { text, layer: Layer::Environment });
        } else {
            let mistake = Mistake::about(name, "is not valid UTF-8");
            mistakes.push(mistake.set_by(Layer::Environment, &[name]));
        }
    }
    variables
}

/// The assignments of the file. A missing file has none.
fn read_env_file(path: &Path, mistakes: &mut Vec<Mistake>) -> Vec<(String, String)> {
    let subject = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => {
            let (pairs, broken) = env_file::parse(&text);
            mistakes.extend(broken.into_iter().map(|line| {
                let rule = format!("line {line} is not `NAME=value` with matching quotes");
                Mistake::about(subject.as_str(), rule)
            }));
            pairs
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            mistakes.push(Mistake::about(subject, format!("cannot be read: {}", reason(&error))));
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

#[cfg(test)]
mod tests {
    use ::config::{Config, File, FileFormat};

    use super::{DEFAULTS, PARITY, flatten};

    #[test]
    fn the_parity_profile_sets_only_keys_that_have_a_default() {
        let texts = |text| {
            let file = File::from_str(text, FileFormat::Toml);
            flatten(&Config::builder().add_source(file).build().unwrap())
        };
        let (defaults, parity) = (texts(DEFAULTS), texts(PARITY));

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
