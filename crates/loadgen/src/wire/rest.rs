//! HTTP requests.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use reqwest::{Client, Method};
use serde_json::Value;

#[derive(Debug, Clone)]
pub(crate) struct Rest {
    client: Client,
    base: String,
}

impl Rest {
    pub(crate) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
        Ok(Self { client, base: format!("http://{address}") })
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, Some(token), None).await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> anyhow::Result<Value> {
        self.ask(Method::POST, path, token, Some(body)).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let what = format!("{method} {path}");
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{what} was not answered"))?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{what} was answered with {status}: {text}");
        }
        serde_json::from_str(&text)
            .with_context(|| format!("{what} was answered with no JSON: {text}"))
    }
}
