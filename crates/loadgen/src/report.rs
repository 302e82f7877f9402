//! Output: progress and tables for people, JSON for programs.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use crate::bench::Row;
use crate::figures::{Figures, Target};

pub(crate) fn progress(line: &str) {
    // Progress is not worth failing for.
    drop(writeln!(io::stderr(), "{line}"));
}

/// The table of a row, in Markdown.
pub(crate) fn table(row: Row, figures: &Figures) -> String {
    let mut lines = vec![
        format!("### {row}: {}", row.what()),
        String::new(),
        "| figure | median | least – most | must be | |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    for figure in figures.iter() {
        let target = match figure.target {
            Some(Target::AtMost(most)) => format!("≤ {}", number(most)),
            Some(Target::AtLeast(least)) => format!("≥ {}", number(least)),
            None => String::new(),
        };
        let met = match figure.is_met() {
            Some(true) => "met",
            Some(false) => "not met",
            None => "",
        };
        let [median, least, most] = [figure.median(), figure.least(), figure.most()].map(number);
        lines.push(format!(
            "| {} | {median} {} | {least} – {most} | {target} | {met} |",
            figure.name, figure.unit
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

pub(crate) fn json(row: Row, figures: &Figures) -> Value {
    let figures: Vec<Value> = figures
        .iter()
        .map(|figure| {
            json!({
                "name": figure.name, "unit": figure.unit, "target": figure.target, "met": figure.is_met(),
                "median": figure.median(), "least": figure.least(), "most": figure.most(),
            })
        })
        .collect();
    json!({"row": row.to_string(), "what": row.what(), "figures": figures})
}

/// Three significant digits, or all before the point.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

pub(crate) fn print(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}
