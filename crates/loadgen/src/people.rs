//! Accounts of a server.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::program::Program;
use crate::wire::Rest;

/// What every account here has as its password.
pub(crate) const PASSWORD: &str = "correct-horse-7";
/// Registrations under way at the same time.
const AT_ONCE: usize = 16;

/// Somebody with an account.
#[derive(Debug, Clone)]
pub(crate) struct VisibleUser {
    pub(crate) name: String,
    pub(crate) access: String,
}

/// Registers so many accounts, under names that nobody has.
#[expect(clippy::disallowed_methods, reason = "no rule depends on it")]
pub(crate) async fn register(server: &Program, count: usize) -> anyhow::Result<Vec<VisibleUser>> {
    let rest = Rest::new(server.address())?;
    let prefix = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let each = (0..count).map(|n| {
        let (rest, name) = (rest.clone(), format!("b{prefix:x}-{n}"));
        async move {
            let body = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
            let answer = rest.post("/api/v1/accounts", None, &body).await?;
            anyhow::Ok(VisibleUser { name, access: text(&answer, "access")? })
        }
    });
    stream::iter(each).buffered(AT_ONCE).try_collect().await
}

/// The id of an account.
pub(crate) async fn id_of(server: &Program, person: &VisibleUser) -> anyhow::Result<i64> {
    let me = Rest::new(server.address())?.get("/api/v1/me", &person.access).await?;
    number(&me, "id")
}

pub(crate) fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    let text = value.get(key).and_then(Value::as_str);
    Ok(text.with_context(|| format!("no {key} in {value}"))?.to_owned())
}

pub(crate) fn number(value: &Value, key: &str) -> anyhow::Result<i64> {
    value.get(key).and_then(Value::as_i64).with_context(|| format!("no {key} in {value}"))
}
