//! PerUserGuards the texts of all settings into values, and collects what is wrong.

use std::{
    collections::BTreeMap, fmt, num::NonZeroUsize, ops::RangeInclusive, thread, time::Duration,
};

use super::{Entry, Mistake, shown::shown};

/// Reads entries by key. A value that breaks its rule is noted and read as
/// `None`, so that all mistakes are found in one go.
pub(super) struct Reader<'a> {
    entries: &'a BTreeMap<String, Entry>,
    mistakes: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(entries: &'a BTreeMap<String, Entry>) -> Self {
        Self { entries, mistakes: Vec::new() }
    }

    /// Every mistake found so far.
    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes
    }

    /// The text of `key`, as given.
    pub(super) fn text(&mut self, key: &str) -> Option<&'a str> {
        let entry = self.entries.get(key);
        if entry.is_none() {
            self.mistakes.push(Mistake::about(key, "is missing in config/default.toml"));
        }
        entry.map(|entry| entry.text.as_str())
    }

    /// What `parse` makes of the text of `key`; its error is the rule.
    pub(super) fn parsed<T, R: fmt::Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, R>,
    ) -> Option<T> {
        match parse(self.text(key)?) {
            Ok(value) => Some(value),
            Err(rule) => {
                self.refuse(key, &rule);
                None
            }
        }
    }

    /// `true` or `false`, in any of the spellings in use.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.parsed(key, |text| flag(text).ok_or("must be true or false"))
    }

    /// A whole number within `range`.
    pub(super) fn integer<T: TryFrom<u64>>(
        &mut self,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Option<T> {
        self.parsed(key, |text| {
            let number = text.trim().parse().ok().filter(|number| range.contains(number));
            number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
                format!("must be a whole number from {} to {}", range.start(), range.end())
            })
        })
    }

    /// Like [`Reader::integer`], where 0 stands for the number of cores.
    pub(super) fn threads(&mut self, key: &str, max: u64) -> Option<NonZeroUsize> {
        self.integer(key, 0..=max).map(|given| NonZeroUsize::new(given).unwrap_or_else(cores))
    }

    pub(super) fn seconds(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.integer(key, range).map(Duration::from_secs)
    }

    pub(super) fn millis(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.integer(key, range).map(Duration::from_millis)
    }

    /// Notes that the value of `key` breaks `rule`.
    pub(super) fn refuse(&mut self, key: &str, rule: &dyn fmt::Display) {
        let entry = self.entries.get(key);
        self.mistakes.push(Mistake {
            subject: key.to_owned(),
            shown: entry.map(|entry| shown(key, &entry.text)),
            origin: entry.map(|entry| entry.origin.clone()),
            rule: rule.to_string(),
        });
    }

    /// Notes a mistake when both values could be read, and the one of `key`
    /// is less than that of `floor_key`.
    pub(super) fn at_least<T: PartialOrd>(
        &mut self,
        (key, value): (&str, &Option<T>),
        (floor_key, floor): (&str, &Option<T>),
    ) {
        if let (Some(value), Some(floor)) = (value, floor)
            && value < floor
        {
            let floor_text = self.entries.get(floor_key).map_or("", |entry| entry.text.as_str());
            self.refuse(key, &format!("must not be less than {floor_key}, which is {floor_text}"));
        }
    }
}

/// A truth value, in any of the spellings in use.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
