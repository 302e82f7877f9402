//! The names that the reference server reads, as ways to say the same here.
//! An empty variable is an absent one, as there.

use url::Url;

use super::{
    Mistake,
    candidates::Candidate,
    connection_url::{BUS, ConnectionUrl, STORAGE},
    reader::flag,
    variables::{Variable, Variables},
};

fn given<'a>(variables: &'a Variables, name: &str) -> Option<&'a Variable> {
    variables.get(name).filter(|variable| !variable.text.is_empty())
}

/// `REDIS_HOST`: a host, on the usual port.
pub(super) fn redis(variables: &Variables) -> Option<Candidate<'_>> {
    let variable = given(variables, "REDIS_HOST")?;
    let text = format!("redis://{}:6379", variable.text);
    Some(Candidate { text, ..Candidate::of(BUS, "REDIS_HOST", variable) })
}

/// `USE_SQLITE`, or else `DATABASE_NAME` and its like.
///
/// As there, `USE_SQLITE=True` leaves the others unread.
pub(super) fn database<'a>(
    variables: &'a Variables,
    mistakes: &mut Vec<Mistake>,
) -> Option<Candidate<'a>> {
    if let Some(variable) = given(variables, "USE_SQLITE") {
        match flag(&variable.text) {
            Some(true) => {
                let candidate = Candidate::of(STORAGE, "USE_SQLITE", variable);
                return Some(Candidate { text: String::new(), ..candidate });
            }
            Some(false) => {}
            None => {
                mistakes.push(Mistake {
                    shown: Some(format!("{:?}", variable.text)),
                    ..mistake("USE_SQLITE", variable, "must be true or false")
                });
                return None;
            }
        }
    }
    postgres(variables, mistakes)
}

const PARTS: [&str; 5] =
    ["DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_HOST", "DATABASE_PORT"];

fn postgres<'a>(variables: &'a Variables, mistakes: &mut Vec<Mistake>) -> Option<Candidate<'a>> {
    let parts: Vec<(&'static str, &Variable)> =
        PARTS.into_iter().filter_map(|name| Some((name, given(variables, name)?))).collect();
    let source = parts.iter().map(|(_, variable)| variable.source).max()?;
    if let Some((first, variable)) = parts.first()
        && *first != "DATABASE_NAME"
    {
        mistakes.push(mistake(first, variable, "is set, but DATABASE_NAME is not"));
        return None;
    }
    let mut url = Url::parse("postgres://localhost").ok()?;
    for (name, variable) in &parts {
        // Here it means itself; in a URL it begins an escape.
        let text = &variable.text.replace('%', "%25");
        let done = match *name {
            "DATABASE_USER" => url.set_username(text).is_ok(),
            "DATABASE_PASSWORD" => url.set_password(Some(text)).is_ok(),
            "DATABASE_HOST" => url.set_host(Some(text)).is_ok(),
            "DATABASE_PORT" => text.parse().is_ok_and(|port| url.set_port(Some(port)).is_ok()),
            _ => {
                url.set_path(text);
                true
            }
        };
        if !done {
            mistakes.push(mistake(name, variable, "cannot be part of a database's address"));
            return None;
        }
    }
    let names = parts.iter().map(|(name, _)| *name).collect();
    Some(Candidate { key: STORAGE.to_owned(), text: url.into(), source, names })
}

/// `USE_SQLITE=False` promises that something names another database.
pub(super) fn check_switch(
    variables: &Variables,
    storage: Option<&Candidate<'_>>,
    mistakes: &mut Vec<Mistake>,
) {
    let Some(switch) = given(variables, "USE_SQLITE") else { return };
    let outranked = storage.is_some_and(|storage| storage.source > switch.source);
    let sqlite = storage.is_none_or(|storage| {
        matches!(
            ConnectionUrl::parse(&storage.text),
            Ok(ConnectionUrl::DataFolder | ConnectionUrl::Sqlite(_))
        )
    });
    if flag(&switch.text) != Some(false) || outranked || !sqlite {
        return;
    }
    let rule = storage.map_or_else(
        || "is false, but nothing names another database; set DATABASE_URL or DATABASE_NAME".into(),
        |storage| format!("is false, but {} names an SQLite database", storage.names.join(", ")),
    );
    mistakes.push(mistake("USE_SQLITE", switch, &rule));
}

fn mistake(name: &str, variable: &Variable, rule: &str) -> Mistake {
    Mistake { origin: Some(variable.source.origin(&[name])), ..Mistake::about(name, rule) }
}
