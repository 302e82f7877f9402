//! One operation: what it takes, and what it may answer.

use serde_json::{Value, json};
use utoipa::openapi::path::ParameterIn;
use utoipa::{IntoParams, ToSchema};

use super::schemas::{Schemas, example, value};
use crate::v1::problem::Kind;

/// A method of a path.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) access: Access,
    /// Beside those in the path.
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Content>,
    pub(super) answers: Vec<Answer>,
    /// The problems that it may answer with.
    pub(super) kinds: Vec<Kind>,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Who has a token.
    Authenticated,
    /// Everybody.
    Open,
    /// Everybody; a token may be sent.
    Either,
}

/// What one type looks like, in one form.
pub(super) struct Content {
    pub(super) media: &'static str,
    pub(super) schema: fn(&mut Schemas) -> Value,
    pub(super) example: Value,
}

impl Content {
    fn json(schema: fn(&mut Schemas) -> Value, example: Value) -> Self {
        Self { media: "application/json", schema, example }
    }
}

/// An answer that is a success.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) content: Option<Content>,
    pub(super) headers: Vec<(&'static str, &'static str)>,
}

pub(super) fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("get", path, id, summary)
}

pub(super) fn post(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("post", path, id, summary)
}

pub(super) fn put(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("put", path, id, summary)
}

pub(super) fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("patch", path, id, summary)
}

pub(super) fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("delete", path, id, summary)
}

impl Operation {
    fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
    ) -> Self {
        let mut kinds = vec![Kind::Internal, Kind::Unavailable, Kind::Unauthenticated];
        if path.contains('{') {
            kinds.push(Kind::NotFound);
        }
        if path.contains("{conversation}") {
            kinds.push(Kind::Banned);
        }
        Self {
            method,
            path,
            id,
            summary,
            access: Access::Authenticated,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            kinds,
        }
    }

    /// Without a token.
    pub(super) fn open(mut self) -> Self {
        self.kinds.retain(|kind| *kind != Kind::Unauthenticated);
        Self { access: Access::Open, ..self }
    }

    /// With or without a token.
    pub(super) fn open_or_signed(self) -> Self {
        Self { access: Access::Either, ..self.open() }
    }

    /// With these parameters in the query.
    pub(super) fn query<T: IntoParams>(mut self) -> Self {
        let parameters = T::into_params(|| Some(ParameterIn::Query));
        self.parameters.extend(parameters.iter().map(|parameter| without_null(value(parameter))));
        self.refuses(&[Kind::InvalidRequest])
    }

    /// With this header, if one likes.
    pub(super) fn header(
        mut self,
        name: &'static str,
        description: &'static str,
        example: &'static str,
    ) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "required": false, "description": description,
            "schema": {"type": "string"}, "example": example,
        }));
        self.refuses(&[Kind::InvalidRequest])
    }

    /// With such a body.
    pub(super) fn body<T: ToSchema>(self) -> Self {
        let body = Some(Content::json(Schemas::of::<T>, example::<T>()));
        Self { body, ..self }.refuses(&[
            Kind::InvalidRequest,
            Kind::Timeout,
            Kind::TooLarge,
            Kind::UnsupportedMediaType,
        ])
    }

    /// Answers so, with one of these.
    pub(super) fn answers<T: ToSchema>(self, status: u16, description: &'static str) -> Self {
        let content = Content::json(Schemas::of::<T>, example::<T>());
        self.answer(status, description, Some(content))
    }

    /// Answers 200, with a page of these.
    pub(super) fn answers_page<T: ToSchema>(self, description: &'static str) -> Self {
        let example = json!({"items": [example::<T>()], "next": null});
        let content = Content::json(Schemas::page_of::<T>, example);
        self.answer(200, description, Some(content))
    }

    /// Answers 200, with a line of JSON for each of these.
    pub(super) fn answers_lines<T: ToSchema>(self, description: &'static str) -> Self {
        let example = json!(format!("{}\n", example::<T>()));
        let content =
            Content { media: "application/jsonl", schema: |_| json!({"type": "string"}), example };
        self.answer(200, description, Some(content))
    }

    /// Answers 200, with a document of another making.
    pub(super) fn answers_document(self, description: &'static str) -> Self {
        let content = Content::json(|_| json!({"type": "object"}), json!({}));
        self.answer(200, description, Some(content))
    }

    /// Answers so, without a body.
    pub(super) fn does(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, None)
    }

    fn answer(mut self, status: u16, description: &'static str, content: Option<Content>) -> Self {
        self.answers.push(Answer { status, description, content, headers: Vec::new() });
        self
    }

    /// The answers so far carry this header.
    pub(super) fn with(mut self, name: &'static str, description: &'static str) -> Self {
        for answer in &mut self.answers {
            answer.headers.push((name, description));
        }
        self
    }

    /// May also answer with these.
    pub(super) fn refuses(mut self, kinds: &[Kind]) -> Self {
        self.kinds.extend(kinds);
        self
    }
}

/// A query has no `null`: what is not given is left out.
fn without_null(mut parameter: Value) -> Value {
    if let Some(kind) = parameter.pointer_mut("/schema/type")
        && let Some(first) = kind.get(0).cloned()
    {
        *kind = first;
    }
    parameter
}
