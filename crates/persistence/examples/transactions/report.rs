//! Prints the results as tables or JSON.

use crate::measure::{Cost, Measured};

type Databases = [(&'static str, Vec<Measured>)];

/// Over the rounds.
#[derive(Debug, Clone, Copy)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(measured: &Measured, value: impl Fn(&(Cost, Cost)) -> f64) -> Self {
        let mut values: Vec<f64> = measured.rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Self {
            median: at(values.len() / 2),
            least: at(0),
            most: at(values.len().saturating_sub(1)),
        }
    }
}

struct Line {
    batch: usize,
    port: Spread,
    raw: Spread,
    port_cpu: Spread,
    raw_cpu: Spread,
    ratio: Spread,
}

impl Line {
    fn of(measured: &Measured) -> Self {
        Self {
            batch: measured.batch,
            port: Spread::of(measured, |(port, _)| 1.0 / port.seconds),
            raw: Spread::of(measured, |(_, raw)| 1.0 / raw.seconds),
            port_cpu: Spread::of(measured, |(port, _)| port.cpu_seconds * 1e6),
            raw_cpu: Spread::of(measured, |(_, raw)| raw.cpu_seconds * 1e6),
            ratio: Spread::of(measured, |(port, raw)| raw.seconds / port.seconds),
        }
    }
}

/// Medians, with the range in parentheses.
pub(crate) fn tables(databases: &Databases) {
    for (database, measured) in databases {
        println!("\n{database}\n");
        println!(
            "| batch | commit, messages/s | raw SQL, messages/s | ratio | commit, CPU µs | raw SQL, CPU µs |"
        );
        println!("|---|---|---|---|---|---|");
        for line in measured.iter().map(Line::of) {
            println!(
                "| {} | {} | {} | {} | {} | {} |",
                line.batch,
                cell(line.port, 0),
                cell(line.raw, 0),
                cell(line.ratio, 2),
                cell(line.port_cpu, 1),
                cell(line.raw_cpu, 1),
            );
        }
    }
}

fn cell(Spread { median, least, most }: Spread, digits: usize) -> String {
    format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
}

pub(crate) fn json(databases: &Databases) -> String {
    let databases: Vec<String> = databases
        .iter()
        .map(|(database, measured)| {
            let lines: Vec<String> = measured.iter().map(|m| object(&Line::of(m))).collect();
            format!(r#""{database}":[{}]"#, lines.join(","))
        })
        .collect();
    format!("{{{}}}", databases.join(","))
}

fn object(line: &Line) -> String {
    let spread = |Spread { median, least, most }: Spread| {
        format!(r#"{{"median":{median:.3},"min":{least:.3},"max":{most:.3}}}"#)
    };
    format!(
        r#"{{"batch":{},"commit_per_second":{},"raw_per_second":{},"ratio":{},"commit_cpu_us":{},"raw_cpu_us":{}}}"#,
        line.batch,
        spread(line.port),
        spread(line.raw),
        spread(line.ratio),
        spread(line.port_cpu),
        spread(line.raw_cpu),
    )
}
