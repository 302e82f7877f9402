//! Which key each variable sets, and what happens when two set the same.

use std::collections::BTreeMap;

use super::{
    Entry, Mistake, Origin,
    connection_url::{BUS, STORAGE, agree},
    reference_names,
    variables::{OURS, PLAIN_NAMES, PREFIX, Source, Variable, Variables},
};

/// One way in which a key was set.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'a> {
    pub(super) key: String,
    pub(super) text: String,
    pub(super) source: Source,
    pub(super) names: Vec<&'a str>,
}

impl<'a> Candidate<'a> {
    /// `name` sets `key` to its text.
    pub(super) fn of(key: impl Into<String>, name: &'a str, variable: &Variable) -> Self {
        let (text, source) = (variable.text.clone(), variable.source);
        Self { key: key.into(), text, source, names: vec![name] }
    }

    fn origin(&self) -> Origin {
        self.source.origin(&self.names)
    }
}

/// The entries that the variables make, at most one for each key of `known`.
///
/// What the environment says outranks `.env`; two names that disagree at the
/// same place are a mistake, and so is a name of ours that sets nothing.
pub(super) fn entries(
    variables: &Variables,
    known: &BTreeMap<String, Entry>,
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<String, Entry> {
    let mut candidates = own_names(variables, known, mistakes);
    candidates.extend(plain_name(variables, "CHAT_PROFILE", "profile"));
    candidates.extend(plain_name(variables, "DATABASE_URL", STORAGE));
    candidates.extend(plain_name(variables, "REDIS_URL", BUS));
    candidates.extend(reference_names::redis(variables));
    candidates.extend(reference_names::database(variables, mistakes));

    let mut by_key: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for candidate in candidates {
        by_key.entry(candidate.key.clone()).or_default().push(candidate);
    }
    let chosen: BTreeMap<String, Candidate> = by_key
        .into_iter()
        .filter_map(|(key, candidates)| Some((key, choose(candidates, mistakes)?)))
        .collect();
    reference_names::check_switch(variables, chosen.get(STORAGE), mistakes);
    chosen
        .into_iter()
        .map(|(key, candidate)| {
            let origin = candidate.origin();
            (key, Entry { text: candidate.text, origin })
        })
        .collect()
}

/// `CHAT__HTTP__BIND` sets `http.bind`.
fn own_names<'a>(
    variables: &'a Variables,
    known: &BTreeMap<String, Entry>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    for (name, variable) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else {
            mistakes.extend(misspelt(name, variable, known));
            continue;
        };
        let key = path.to_ascii_lowercase().replace("__", ".");
        let correct = own_name(&key);
        if known.contains_key(&key) && correct == *name {
            candidates.push(Candidate::of(key, name, variable));
            continue;
        }
        let rule = if known.contains_key(&key) {
            format!("is not a setting; write {correct}")
        } else {
            "is not a setting; `online-chat config` lists all of them".to_owned()
        };
        // The value is not shown: it may be a secret under a misspelt name.
        let origin = Some(variable.source.origin(&[name]));
        mistakes.push(Mistake { origin, ..Mistake::about(key, rule) });
    }
    candidates
}

/// `CHAT_HTTP_BIND` sets nothing, though who wrote it thinks so.
fn misspelt(name: &str, variable: &Variable, known: &BTreeMap<String, Entry>) -> Option<Mistake> {
    let path = name.strip_prefix(OURS)?.to_ascii_lowercase();
    let key = known.keys().find(|key| key.replace('.', "_") == path)?;
    if PLAIN_NAMES.contains(&name) {
        return None;
    }
    let rule = format!("is not a setting; write {}", own_name(key));
    let origin = Some(variable.source.origin(&[name]));
    Some(Mistake { origin, ..Mistake::about(key, rule) })
}

fn own_name(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}

fn plain_name<'a>(variables: &Variables, name: &'a str, key: &str) -> Option<Candidate<'a>> {
    variables.get(name).map(|variable| Candidate::of(key, name, variable))
}

/// The candidate that holds, of those for one key.
fn choose<'a>(
    candidates: Vec<Candidate<'a>>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Candidate<'a>> {
    let source = candidates.iter().map(|candidate| candidate.source).max()?;
    let mut heard = candidates.into_iter().filter(|candidate| candidate.source == source);
    let mut chosen = heard.next()?;
    for other in heard {
        if !agree(&chosen.key, &chosen.text, &other.text) {
            let names = [chosen.names.as_slice(), other.names.as_slice()];
            mistakes.push(Mistake {
                origin: Some(source.origin(&names.concat())),
                ..Mistake::about(
                    chosen.key.clone(),
                    "is set twice, differently; keep one of the two",
                )
            });
        } else if chosen.text.is_empty() {
            // Of two that agree, the one that says more.
            chosen = other;
        }
    }
    Some(chosen)
}
