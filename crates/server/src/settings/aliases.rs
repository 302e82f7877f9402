//! Settings with several variables: their own name, a common one such as `DATABASE_URL`, and those of the reference
//! server. As on the reference server, empty variables of the latter count as missing.

use std::collections::BTreeMap;

use url::Url;

use super::{
    connection_url::{self, ConnectionUrl},
    fields::parse_flag,
    sources::{Layer, Mistake, Variable, Variables, own_name},
};

const NAMES: [&str; 5] = ["CHAT_PROFILE", "DATABASE_URL", "REDIS_URL", "USE_SQLITE", "REDIS_HOST"];
const DATABASE_PARTS: [&str; 5] =
    ["DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_HOST", "DATABASE_PORT"];

pub(super) fn is_alias(name: &str) -> bool {
    NAMES.contains(&name) || DATABASE_PARTS.contains(&name)
}

/// The value of one or more variables for a key.
#[derive(Debug, Clone)]
pub(super) struct Chosen<'a> {
    pub(super) text: String,
    pub(super) layer: Layer,
    pub(super) names: Vec<&'a str>,
}

/// Returns the values of all keys with aliases.
pub(super) fn resolve<'a>(
    variables: &'a Variables,
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<&'static str, Chosen<'a>> {
    let plain = |name: &str| {
        let (name, Variable { text, layer }) = variables.get_key_value(name)?;
        Some(Chosen { text: text.clone(), layer: *layer, names: vec![name] })
    };
    let own = |key| plain(&own_name(key));
    let redis_host = given(variables, "REDIS_HOST").map(|Variable { text, layer }| Chosen {
        text: format!("redis://{text}:6379"),
        layer: *layer,
        names: vec!["REDIS_HOST"],
    });
    let database = reference_database(variables, mistakes);
    let candidates = [
        ("bus.redis_url", vec![own("bus.redis_url"), plain("REDIS_URL"), redis_host]),
        ("profile", vec![own("profile"), plain("CHAT_PROFILE")]),
        ("storage.url", vec![own("storage.url"), plain("DATABASE_URL"), database]),
    ];
    let chosen: BTreeMap<_, _> = candidates
        .into_iter()
        .filter_map(|(key, all)| {
            Some((key, choose(key, all.into_iter().flatten().collect(), mistakes)?))
        })
        .collect();
    check_use_sqlite(variables, chosen.get("storage.url"), mistakes);
    chosen
}

/// Candidates of the highest layer must agree. Different values are a mistake.
fn choose<'a>(
    key: &str,
    candidates: Vec<Chosen<'a>>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Chosen<'a>> {
    let layer = candidates.iter().map(|candidate| candidate.layer).max()?;
    let mut highest = candidates.into_iter().filter(|candidate| candidate.layer == layer);
    let mut chosen = highest.next()?;
    for other in highest {
        if !connection_url::agree(&chosen.text, &other.text) {
            let names = [chosen.names.as_slice(), other.names.as_slice()].concat();
            let mistake = Mistake::about(key, "is set twice, differently; keep one of the two");
            mistakes.push(mistake.set_by(layer, &names));
        } else if chosen.text.is_empty() {
            chosen = other;
        }
    }
    Some(chosen)
}

fn given<'a>(variables: &'a Variables, name: &str) -> Option<&'a Variable> {
    variables.get(name).filter(|variable| !variable.text.is_empty())
}

fn mistake(name: &str, variable: &Variable, rule: impl Into<String>) -> Mistake {
    Mistake::about(name, rule).set_by(variable.layer, &[name])
}

/// As on the reference server, `USE_SQLITE=True` ignores `DATABASE_NAME` and its siblings.
fn reference_database<'a>(
    variables: &'a Variables,
    mistakes: &mut Vec<Mistake>,
) -> Option<Chosen<'a>> {
    let Some(switch) = given(variables, "USE_SQLITE") else {
        return postgres(variables, mistakes);
    };
    match parse_flag(&switch.text) {
        Some(true) => {
            Some(Chosen { text: String::new(), layer: switch.layer, names: vec!["USE_SQLITE"] })
        }
        Some(false) => postgres(variables, mistakes),
        None => {
            let mistake = mistake("USE_SQLITE", switch, "must be true or false");
            mistakes.push(mistake.with_value(format!("{:?}", switch.text)));
            None
        }
    }
}

fn postgres<'a>(variables: &'a Variables, mistakes: &mut Vec<Mistake>) -> Option<Chosen<'a>> {
    let parts: Vec<(&'static str, &Variable)> = DATABASE_PARTS
        .into_iter()
        .filter_map(|name| Some((name, given(variables, name)?)))
        .collect();
    let layer = parts.iter().map(|(_, variable)| variable.layer).max()?;
    if let Some((first, variable)) = parts.first()
        && *first != "DATABASE_NAME"
    {
        mistakes.push(mistake(first, variable, "is set, but DATABASE_NAME is not"));
        return None;
    }
    let mut url = Url::parse("postgres://localhost").ok()?;
    for (name, variable) in &parts {
        // `%` begins an escape in a URL.
        let text = &variable.text.replace('%', "%25");
        let accepted = match *name {
            "DATABASE_USER" => url.set_username(text).is_ok(),
            "DATABASE_PASSWORD" => url.set_password(Some(text)).is_ok(),
            "DATABASE_HOST" => url.set_host(Some(text)).is_ok(),
            "DATABASE_PORT" => text.parse().is_ok_and(|port| url.set_port(Some(port)).is_ok()),
            _ => {
                url.set_path(text);
                true
            }
        };
        if !accepted {
            mistakes.push(mistake(name, variable, "cannot be part of a database's address"));
            return None;
        }
    }
    let names = parts.iter().map(|(name, _)| *name).collect();
    Some(Chosen { text: url.into(), layer, names })
}

/// `USE_SQLITE=False` requires another database.
fn check_use_sqlite(
    variables: &Variables,
    storage: Option<&Chosen<'_>>,
    mistakes: &mut Vec<Mistake>,
) {
    let Some(switch) = given(variables, "USE_SQLITE") else { return };
    let outranked = storage.is_some_and(|storage| storage.layer > switch.layer);
    let sqlite = storage.is_none_or(|storage| {
        let url = ConnectionUrl::parse(&storage.text);
        matches!(url, Ok(ConnectionUrl::Unset | ConnectionUrl::Sqlite(_)))
    });
    if parse_flag(&switch.text) != Some(false) || outranked || !sqlite {
        return;
    }
    let rule = storage.map_or_else(
        || "is false, but nothing names another database; set DATABASE_URL or DATABASE_NAME".into(),
        |storage| format!("is false, but {} names an SQLite database", storage.names.join(", ")),
    );
    mistakes.push(mistake("USE_SQLITE", switch, rule));
}
