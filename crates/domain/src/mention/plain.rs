//! The parts of a text that may mention: not code, quotes and URLs.

use std::collections::HashMap;
use std::ops::Range;

/// Stands for what was taken out; it is part of no name.
const GAP: char = '\u{fffc}';

/// Returns the text with gaps in place of code, quotes and URLs.
pub(super) fn plain(text: &str) -> String {
    without_urls(&without_code_spans(&without_code_blocks_and_quotes(text)))
}

/// Leaves an empty line for each line of a fenced code block or a quote, so that both end a
/// paragraph.
fn without_code_blocks_and_quotes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut fence: Option<(char, usize)> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let content = line.get(indent.min(3)..).unwrap_or_default().trim_end();
        let mark = content.chars().next().filter(|c| matches!(c, '`' | '~'));
        let rest = mark.map_or(content, |mark| content.trim_start_matches(mark));
        let length = content.len() - rest.len();
        match (fence, mark) {
            (Some((open, least)), _) => {
                if mark == Some(open) && length >= least && rest.is_empty() {
                    fence = None;
                }
                plain.push('\n');
            }
            // What follows the marks names a language.
            (None, Some(mark)) if length >= 3 && !(mark == '`' && rest.contains('`')) => {
                fence = Some((mark, length));
                plain.push('\n');
            }
            (None, _) if content.starts_with('>') => plain.push('\n'),
            (None, _) => plain.push_str(line),
        }
    }
    plain
}

/// A code span lies between two runs of as many backticks in one paragraph.
fn without_code_spans(text: &str) -> String {
    if !text.contains('`') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    for paragraph in text.split_inclusive("\n\n") {
        let runs = backtick_runs(paragraph);
        let mut copied = 0;
        for (n, run) in runs.iter().enumerate() {
            let Some(close) = run.close.filter(|_| run.range.start >= copied) else { continue };
            let Some(end) = runs.get(n..).and_then(|rest| rest.get(close)) else { continue };
            plain.push_str(paragraph.get(copied..run.range.start).unwrap_or_default());
            plain.push(GAP);
            copied = end.range.end;
        }
        plain.push_str(paragraph.get(copied..).unwrap_or_default());
    }
    plain
}

struct Run {
    range: Range<usize>,
    /// How many runs later the next one of the same length is.
    close: Option<usize>,
}

fn backtick_runs(paragraph: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, _) in paragraph.match_indices('`') {
        match runs.last_mut() {
            Some(run) if run.range.end == at => run.range.end += 1,
            _ => runs.push(Run { range: at..at + 1, close: None }),
        }
    }
    // From the end, so that this takes one pass however many lengths there are.
    let mut next_of_length = HashMap::new();
    for (n, run) in runs.iter_mut().enumerate().rev() {
        let next = next_of_length.insert(run.range.len(), n);
        run.close = next.map(|next: usize| next - n);
    }
    runs
}

fn without_urls(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for word in text.split_inclusive(ends_url) {
        match url_start(word) {
            Some(start) => {
                plain.push_str(word.get(..start).unwrap_or_default());
                plain.push(GAP);
                // The character that ended the URL.
                plain.extend(word.chars().next_back().filter(|c| ends_url(*c)));
            }
            None => plain.push_str(word),
        }
    }
    plain
}

/// White space, brackets and quotation marks, and the punctuation of East Asian scripts.
fn ends_url(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '<' | '>' | '"' | GAP)
        || matches!(c, '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{301f}')
        || matches!(c, '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}')
}

/// Where the URL in a word begins: at its scheme, at `www.`, or at a host with a path.
fn url_start(word: &str) -> Option<usize> {
    if let Some(at) = word.find("://") {
        let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let scheme = word.get(..at)?;
        return Some(scheme.trim_end_matches(is_of_scheme).len());
    }
    let start = word.find(|c: char| c.is_ascii_alphanumeric())?;
    let (before, host) = word.split_at(start);
    let is_of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let path = host.trim_start_matches(is_of_host);
    let name = host.get(..host.len() - path.len())?;
    let is_host = name.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("www."))
        || (is_path(path) && is_domain(name));
    // After an `@` it is a name.
    (is_host && !before.ends_with('@')).then_some(start)
}

/// Whether a path, a query or a port follows a host.
fn is_path(text: &str) -> bool {
    let port = text.strip_prefix(':');
    text.starts_with(['/', '?', '#'])
        || port.is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether a name consists of labels with dots between them, of which the last is a word.
pub(super) fn is_domain(name: &str) -> bool {
    let mut labels = name.split('.');
    let top = labels.next_back().unwrap_or_default();
    let is_of_label = |c: char| c.is_alphanumeric() || c == '-';
    top.chars().count() >= 2
        && top.chars().all(char::is_alphabetic)
        && labels.clone().next().is_some()
        && labels.all(|label| !label.is_empty() && label.chars().all(is_of_label))
}
