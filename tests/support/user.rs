//! Users with an account.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::{server::Server, socket::Socket};

/// Of every account here.
pub(crate) const PASSWORD: &str = "correct-horse-7";

#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) id: i64,
    pub(crate) access: String,
    /// The access token for v1.
    pub(crate) v1: String,
    pub(crate) refresh: String,
    http: Client,
    base: String,
}

/// An answer to a request: its status and its JSON, null where there is none.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) json: Value,
}

impl Server {
    /// Signs up.
    pub(crate) async fn register(&self, name: &str) -> User {
        let http = client();
        let body = json!({
            "username": name, "email": format!("{name}@example.com"), "password": PASSWORD,
        });
        let answer = self.post(&http, "/accounts/api/register/", &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json);
        self.user(name, http, &answer.json).await
    }

    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> User {
        let answer = self.try_sign_in(name, password).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        self.user(name, client(), &answer.json).await
    }

    pub(crate) async fn try_sign_in(&self, name: &str, password: &str) -> Answer {
        let body = json!({ "username": name, "password": password });
        self.post(&client(), "/accounts/api/token/", &body).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        let body = json!({ "refresh": token });
        self.post(&client(), "/accounts/api/token/refresh/", &body).await
    }

    /// Posts like a proxy on behalf of a client at `address`.
    pub(crate) async fn post_from(&self, address: &str, path: &str, body: &Value) -> Answer {
        let request = client().post(self.url(path)).header("X-Forwarded-For", address);
        answer(request.json(body)).await
    }

    async fn post(&self, http: &Client, path: &str, body: &Value) -> Answer {
        answer(http.post(self.url(path)).json(body)).await
    }

    async fn user(&self, name: &str, http: Client, tokens: &Value) -> User {
        let access = text(tokens, "access");
        let body = json!({ "refresh": text(tokens, "refresh") });
        let answer = self.post(&http, "/api/v1/sessions/refresh", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        let (v1, refresh) = (text(&answer.json, "access"), text(&answer.json, "refresh"));
        let base = self.url("");
        User { name: name.to_owned(), id: user_id(&access), access, v1, refresh, http, base }
    }
}

impl User {
    /// The same user with another access token.
    pub(crate) fn with_access(&self, access: &str) -> Self {
        Self { access: access.to_owned(), v1: access.to_owned(), ..self.clone() }
    }

    /// The same user at another node.
    #[cfg(feature = "services")]
    pub(crate) fn at(&self, node: &Server) -> Self {
        Self { base: node.url(""), ..self.clone() }
    }

    /// Opens a socket on the lobby.
    pub(crate) async fn socket(&self) -> Socket {
        self.socket_at("/ws/chat/").await
    }

    /// Opens a socket at `path`.
    pub(crate) async fn socket_at(&self, path: &str) -> Socket {
        self.try_socket_at(path).await.expect("the server takes sockets")
    }

    /// `None` when no server accepts the socket.
    pub(crate) async fn try_socket_at(&self, path: &str) -> Option<Socket> {
        let base = self.base.replacen("http", "ws", 1);
        Socket::open(&format!("{base}{path}?access_token={}", self.token_for(path))).await
    }

    /// The access token for the API of the path.
    fn token_for(&self, path: &str) -> &str {
        if path.starts_with("/api/v1") { &self.v1 } else { &self.access }
    }

    /// All messages of the compat list.
    pub(crate) async fn messages(&self) -> Vec<Value> {
        let answer = self.ask(Method::GET, "/chat/api/messages/", None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        answer.json.as_array().unwrap().clone()
    }

    pub(crate) async fn edit(&self, id: i64, content: &str) -> Answer {
        let body = json!({ "content": content });
        self.ask(Method::PATCH, &format!("/chat/api/messages/{id}/"), Some(&body)).await
    }

    pub(crate) async fn delete(&self, id: i64) -> Answer {
        self.ask(Method::DELETE, &format!("/chat/api/messages/{id}/"), None).await
    }

    /// A request with this user's access token.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = request.bearer_auth(self.token_for(path));
        answer(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }
}

/// A client without a proxy, and without connections to a server that may be gone by the next request.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap()
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = super::soon("an answer", request.send()).await.unwrap();
    let status = response.status();
    let text = super::soon("the body of an answer", response.text()).await.unwrap();
    let json = match text.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| panic!("{status}, no JSON: {text}")),
    };
    Answer { status, json }
}

fn text(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().unwrap().to_owned()
}

fn user_id(token: &str) -> i64 {
    let claims = token.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["user_id"].as_i64().unwrap()
}
