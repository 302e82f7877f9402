//! `online-chat config`: every setting with where it comes from.

use std::io::{self, Write};

use crate::settings::{Sources, shown};

/// Writes a line for each key, secrets hidden.
pub(super) fn print(sources: &Sources, out: &mut impl Write) -> io::Result<()> {
    let lines: Vec<_> = sources
        .entries()
        .map(|(key, entry)| (format!("{key} = {}", shown(key, entry.text())), entry.origin()))
        .collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0).min(60);
    for (line, origin) in lines {
        writeln!(out, "{line:width$}  # {origin}")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::print;
    use crate::settings::Sources;

    #[test]
    fn every_value_is_printed_with_its_origin_and_no_secret() {
        let env = [
            ("CHAT__AUTH__SECRET", "hunter2"),
            ("DATABASE_URL", "postgres://u:hunter2@db/chat"),
            ("CHAT__HTTP__WORKERS", "many"),
        ];
        let sources = Sources::gather(env.map(|(name, text)| (name.into(), text.into())), None);
        let mut out = Vec::new();

        print(&sources, &mut out).unwrap();

        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), sources.entries().count());
        assert!(!text.contains("hunter2"), "{text}");
        let has = |start: &str, end: &str| {
            text.lines().any(|line| line.starts_with(start) && line.ends_with(end))
        };
        assert!(has("auth.secret = (hidden) ", "  # environment CHAT__AUTH__SECRET"), "{text}");
        assert!(has("http.workers = \"many\" ", "  # environment CHAT__HTTP__WORKERS"), "{text}");
        assert!(has("http.bind = \"127.0.0.1:8000\" ", "  # default"), "{text}");
    }
}
