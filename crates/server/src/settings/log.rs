//! What is logged, and how.

use tracing_subscriber::EnvFilter;

use super::reader::Reader;

/// What is logged, and how: section `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    /// Directives of [`EnvFilter`], known to be valid.
    pub(crate) level: String,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// For machines: one object per line.
    Json,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<LogSettings> {
    let format = reader.parsed("log.format", |text| match text {
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be \"human\" or \"json\""),
    });
    let level = reader.parsed("log.level", |text| {
        if text.split(',').all(is_directive) && EnvFilter::builder().parse(text).is_ok() {
            Ok(text.to_owned())
        } else {
            Err("must be error, warn, info, debug, trace or off, or such as info,actix_server=warn")
        }
    });
    Some(LogSettings { format: format?, level: level? })
}

/// Stricter than [`EnvFilter`], which takes a misspelt level for a module.
fn is_directive(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let level = text.rsplit_once('=').map_or(text, |(_module, level)| level);
    LEVELS.contains(&level.trim().to_lowercase().as_str())
}
