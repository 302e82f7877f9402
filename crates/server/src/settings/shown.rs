//! How a value is shown to people: secrets are not.

use url::Url;

use super::secret::HIDDEN;

/// The value of `key` as it may be printed.
pub(crate) fn shown(key: &str, text: &str) -> String {
    let secret = match key {
        "auth.secret" => !text.is_empty(),
        "storage.url" | "bus.redis_url" => may_hold_a_password(text),
        _ => false,
    };
    if secret { HIDDEN.to_owned() } else { format!("{text:?}") }
}

/// Whatever is not understood may be a URL with a slip in it.
fn may_hold_a_password(text: &str) -> bool {
    if text.is_empty() || text.starts_with("sqlite:") {
        return false;
    }
    Url::parse(text).map_or(true, |url| {
        url.cannot_be_a_base() || url.password().is_some() || url.query().is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_value_is_shown_unless_it_may_be_a_secret() {
        let cases = [
            ("http.bind", "0.0.0.0:80", "\"0.0.0.0:80\""),
            ("auth.secret", "", "\"\""),
            ("auth.secret", "x", "(hidden)"),
            ("storage.url", "", "\"\""),
            ("storage.url", "sqlite:///tmp/a b", "\"sqlite:///tmp/a b\""),
            ("storage.url", "postgres://chat@db/chat", "\"postgres://chat@db/chat\""),
            ("storage.url", "postgres://chat:pw@db/chat", "(hidden)"),
            ("storage.url", "postgres://db/chat?password=pw", "(hidden)"),
            ("storage.url", "postgres:chat:pw@db", "(hidden)"),
            ("bus.redis_url", "redis://:pw@h", "(hidden)"),
            ("bus.redis_url", "not a url pw", "(hidden)"),
        ];
        for (key, text, want) in cases {
            assert_eq!(shown(key, text), want, "case: {key} {text}");
        }
    }
}
