//! Checks every frame of a socket against the AsyncAPI document.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::strict::Strict;

static ASYNCAPI: LazyLock<Strict> =
    LazyLock::new(|| Strict::new(http_adapter::asyncapi_document()));

/// Client frames that the document does not allow, by `ref`.
#[derive(Default)]
pub(crate) struct Described {
    wrong: HashMap<String, Vec<String>>,
}

impl Described {
    /// Tests may send invalid frames, but the server must refuse them.
    pub(crate) fn check_client_frame(&mut self, text: &str) {
        let envelope: Value = serde_json::from_str(text).unwrap_or_default();
        let (Some(kind), Some(reference)) = (envelope["type"].as_str(), envelope["ref"].as_str())
        else {
            return;
        };
        let errors = errors("client", kind, &envelope);
        if errors.is_empty() {
            self.wrong.remove(reference);
        } else {
            self.wrong.insert(reference.to_owned(), errors);
        }
    }

    #[track_caller]
    pub(crate) fn check_server_frame(&mut self, frame: &Value) {
        let kind = frame["type"].as_str().expect("a frame has a type");
        let errors = errors("server", kind, frame);
        assert!(errors.is_empty(), "{errors:#?} in {frame}");
        let wrong = frame["ref"].as_str().and_then(|reference| self.wrong.get(reference));
        assert!(wrong.is_none() || kind == "error", "{frame} answers an invalid frame: {wrong:#?}");
    }
}

fn errors(side: &str, kind: &str, frame: &Value) -> Vec<String> {
    let pointer = format!("/components/messages/{side}_{kind}/payload");
    if ASYNCAPI.document.pointer(&pointer).is_none() {
        return vec![format!("{kind} is no frame of a {side}")];
    }
    ASYNCAPI.errors(&pointer, frame)
}
