//! The log output and its format.

use std::{
    env,
    io::{self, IsTerminal},
};

use anyhow::Context;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, filter::Targets, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::settings::{LogFormat, LogSettings};

/// The crates of this workspace, which log no secrets at any level.
const OWN_CRATES: [&str; 8] = [
    "application",
    "credentials",
    "domain",
    "http_adapter",
    "memory",
    "messaging",
    "online_chat",
    "persistence",
];

/// Other crates whose warnings help an operator and hold no data of users.
const OTHER_CRATES: [&str; 2] = ["actix_server", "rustls"];

/// Logs the whole process to standard error. May be called only once.
pub(crate) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let colours =
        io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    subscriber(settings, colours, io::stderr)?.try_init().context("cannot start the log")
}

fn subscriber<W>(
    settings: &LogSettings,
    colours: bool,
    writer: W,
) -> anyhow::Result<Box<dyn Subscriber + Send + Sync>>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(&settings.level).context("log.level is not valid")?;
    let allowed = allowed_targets(filter.max_level_hint().unwrap_or(LevelFilter::TRACE));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        // Otherwise a closed standard error would cause a panic.
        .log_internal_errors(false);
    Ok(match settings.format {
        LogFormat::Human => Box::new(lines.with_ansi(colours).finish().with(allowed)),
        LogFormat::Json => {
            Box::new(lines.json().flatten_event(true).with_span_list(false).finish().with(allowed))
        }
    })
}

/// What may be logged whatever `log.level` says. The drivers of the database log the parameters of every query, and
/// the HTTP crates log heads of requests.
fn allowed_targets(level: LevelFilter) -> Targets {
    let own = OWN_CRATES.map(|name| (name, level));
    let others = OTHER_CRATES.map(|name| (name, level.min(LevelFilter::WARN)));
    Targets::new().with_default(LevelFilter::OFF).with_targets(own).with_targets(others)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use tracing::subscriber::with_default;

    use super::subscriber;
    use crate::settings::{LogAddresses, LogFormat, LogSettings};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines of `events`.
    fn logged(format: LogFormat, level: &str, events: impl FnOnce()) -> String {
        let lines = Lines::default();
        let settings =
            LogSettings { format, level: level.to_owned(), addresses: LogAddresses::Hashed };
        let writer = lines.clone();
        let subscriber = subscriber(&settings, false, move || writer.clone()).unwrap();
        with_default(subscriber, events);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn start(format: LogFormat) -> String {
        logged(format, "info,messaging=error", || {
            tracing::info!(node.port = 8000, "listening\non \u{1b}[31m");
            tracing::debug!("too fine");
            tracing::warn!(target: "messaging", "too quiet");
        })
    }

    #[test]
    fn json_lines_are_one_object_each_with_the_fields_beside_the_message() {
        let text = start(LogFormat::Json);

        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "listening\non \u{1b}[31m");
        assert_eq!(line["node.port"], 8000);
    }

    #[test]
    fn human_lines_hold_level_message_and_fields_without_terminal_codes() {
        let text = start(LogFormat::Human);

        assert!(text.contains(" INFO ") && text.contains("node.port=8000"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(!text.contains("too "), "{text}");
    }

    #[test]
    fn drivers_are_silent_at_every_level() {
        for level in ["trace", "off,tokio_postgres=trace,actix_http::h1=trace,actix_server=trace"] {
            let text = logged(LogFormat::Human, level, || {
                tracing::error!(target: "tokio_postgres::query", "a query");
                tracing::error!(target: "actix_http::h1", "a head");
                tracing::info!(target: "actix_server", "a worker");
                tracing::warn!(target: "actix_server", "no worker");
            });

            assert!(text.contains("no worker"), "{level}: {text}");
            assert_eq!(text.lines().count(), 1, "{level}: {text}");
        }
    }
}
