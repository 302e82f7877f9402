//! A client of the API.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::documents;
use crate::world::{Answer, User, World};

const ROOT: &str = "/api/v1";

/// A signed-in client. Every response is checked against the OpenAPI document.
pub(crate) struct Client<'a> {
    pub(crate) world: &'a World,
    pub(crate) user: User,
}

impl<'a> Client<'a> {
    pub(crate) async fn new(world: &'a World, name: &str) -> Self {
        Self { world, user: world.user(name).await }
    }

    pub(crate) fn id(&self) -> i64 {
        self.user.id
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send_json(Method::PUT, path, body).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send_json(Method::POST, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send_json(Method::PATCH, path, body).await
    }

    /// Sends a request without a body.
    pub(crate) async fn send(&self, method: Method, path: &str) -> Answer {
        let url = format!("{ROOT}{path}");
        let answer = self.world.request(method.clone(), &url, Some(&self.user)).await;
        documents::hold(method.as_str(), path, None, &answer);
        answer
    }

    pub(crate) async fn send_json(&self, method: Method, path: &str, body: &Value) -> Answer {
        let url = format!("{ROOT}{path}");
        let answer = self.world.json(method.clone(), &url, Some(&self.user), body).await;
        documents::hold(method.as_str(), path, Some(body), &answer);
        answer
    }

    /// Creates a group with these members.
    pub(crate) async fn group(&self, members: &[&Client<'_>]) -> i64 {
        let members: Vec<i64> = members.iter().map(|member| member.id()).collect();
        let answer = self.post("/conversations", &json!({"title": "G", "members": members})).await;
        answer.is(201)["id"].as_i64().unwrap()
    }

    pub(crate) async fn send_message(&self, conversation: i64, body: &str) -> Value {
        let path = format!("/conversations/{conversation}/messages");
        self.post(&path, &json!({"body": body})).await.is(201)
    }
}

impl Answer {
    /// The body of a response with this status.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        if self.body.is_empty() { Value::Null } else { self.value() }
    }

    /// The kind of a problem as in RFC 9457.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.body);
        let body = self.value();
        assert_eq!(body["status"], self.status);
        assert!(body["title"].is_string(), "{body}");
        let kind = body["type"].as_str().unwrap();
        kind.strip_prefix("/api/v1/problems/").unwrap().to_owned()
    }

    /// The fields with errors, each with the rule that it breaks.
    pub(crate) fn errors(&self) -> Vec<(String, String)> {
        let body = self.value();
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        let text = |error: &Value, key: &str| error[key].as_str().unwrap().to_owned();
        errors.iter().map(|error| (text(error, "field"), text(error, "rule"))).collect()
    }
}
