//! Message search by scanning all messages.

use std::sync::Arc;

use application::ports::{SearchPage, SearchRequest};
use domain::{Message, Viewer};

use super::conversation::{PAGE_BYTES, StoredConversation};
use super::state::State;

impl State {
    pub(crate) fn search(&self, search: &SearchRequest, limit: usize) -> SearchPage {
        let conversations = search
            .within
            .iter()
            .filter_map(|(id, viewer)| Some((self.conversations.get(id)?, viewer)));
        let found = conversations.flat_map(|(stored, viewer)| found(stored, viewer, search));
        let mut all: Vec<&Arc<Message>> = found.collect();
        all.sort_by_key(|message| std::cmp::Reverse(message.id));
        let mut messages: Vec<Arc<Message>> = Vec::new();
        let mut bytes = 0;
        for message in &all {
            if messages.len() >= limit.max(1) || bytes > PAGE_BYTES {
                break;
            }
            bytes += message.body.as_str().len();
            messages.push(Arc::clone(message));
        }
        let last = messages.last().filter(|_| messages.len() < all.len());
        SearchPage { next: last.map(|message| message.id), messages }
    }
}

fn found<'a>(
    stored: &'a StoredConversation,
    viewer: &'a Viewer,
    search: &'a SearchRequest,
) -> impl Iterator<Item = &'a Arc<Message>> {
    stored.messages.values().filter(|message| {
        !message.is_deleted()
            && search.before.is_none_or(|before| message.id < before)
            && viewer.sees(message)
            && search.query.finds(message.body.as_str())
    })
}
