//! Accounts on a server.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::program::Program;
use crate::wire::Rest;

/// Of every account here.
pub(crate) const PASSWORD: &str = "correct-horse-7";
const CONCURRENT_REGISTRATIONS: usize = 16;

#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// The access token for v1.
    pub(crate) access: String,
    /// That for compat.
    pub(crate) compat: String,
}

impl Account {
    /// From a pair of tokens for v1.
    pub(crate) async fn with_tokens(
        rest: &Rest,
        name: String,
        pair: &Value,
    ) -> anyhow::Result<Self> {
        let body = json!({"refresh": text(pair, "refresh")?});
        let renewed = rest.post("/accounts/api/token/refresh/", None, &body).await?;
        Ok(Self { name, access: text(pair, "access")?, compat: text(&renewed, "access")? })
    }
}

/// Registers `count` accounts under unused names.
#[expect(clippy::disallowed_methods, reason = "only makes the names unique")]
pub(crate) async fn register(server: &Program, count: usize) -> anyhow::Result<Vec<Account>> {
    let rest = Rest::new(server.address())?;
    let prefix = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let each = (0..count).map(|n| {
        let (rest, name) = (rest.clone(), format!("b{prefix:x}-{n}"));
        async move {
            let body = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
            let answer = rest.post("/api/v1/accounts", None, &body).await?;
            Account::with_tokens(&rest, name, &answer).await
        }
    });
    stream::iter(each).buffered(CONCURRENT_REGISTRATIONS).try_collect().await
}

pub(crate) async fn id_of(server: &Program, account: &Account) -> anyhow::Result<i64> {
    let me = Rest::new(server.address())?.get("/api/v1/me", &account.access).await?;
    number(&me, "id")
}

pub(crate) fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    let text = value.get(key).and_then(Value::as_str);
    Ok(text.with_context(|| format!("no {key} in {value}"))?.to_owned())
}

pub(crate) fn number(value: &Value, key: &str) -> anyhow::Result<i64> {
    value.get(key).and_then(Value::as_i64).with_context(|| format!("no {key} in {value}"))
}
