//! The search index in PostgreSQL: a GIN index over the result of `message_words`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use domain::SearchQuery;

use super::Conn;
use crate::failure::Failure;

/// Key of the advisory lock that the merging node holds ("words" in ASCII).
const MERGE_LOCK: i64 = 0x0077_6f72_6473;

/// Intents between two merges. PostgreSQL itself would merge after about 5,000 messages, and delay an
/// arbitrary insert.
const MERGE_AFTER: usize = 1_000;

/// A `tsquery` for messages that have all words of `query` and are in one of `conversations`.
/// Words hold no quotes.
pub(super) fn expression(query: &SearchQuery, conversations: &[i64]) -> String {
    let within = |conversation: &i64| {
        let terms = query.words().map(|word| format!("'{conversation}:{word}':*"));
        format!("({})", terms.collect::<Vec<_>>().join(" & "))
    };
    conversations.iter().map(within).collect::<Vec<_>>().join(" | ")
}

/// Matching messages with an id below the second parameter, newest first. The materialized part uses
/// only the search index, because the planner might otherwise scan all messages in the order of ids.
pub(super) const FIND: &str = "\
    with found as materialized (\
        select id, conversation_id, msg_no, author_id, octet_length(body) as length \
        from messages \
        where message_words(conversation_id, body) @@ $1::tsquery and id < $2\
    ) select * from found order by id desc limit $3";

/// Merges the pending list of the index, so that no insert has to. Only one node does so at a time.
/// Requires the owner of the index.
pub(super) async fn merge_pending(conn: &mut Conn) -> Result<(), Failure> {
    diesel::sql_query(
        "select gin_clean_pending_list(index.oid) from pg_class as index \
         where index.oid = to_regclass('messages_by_word') \
         and pg_has_role(index.relowner, 'usage') and pg_try_advisory_xact_lock($1)",
    )
    .bind::<BigInt, _>(MERGE_LOCK)
    .execute(conn)
    .await?;
    Ok(())
}

/// Decides when this node merges the pending list.
#[derive(Debug, Default)]
pub(super) struct GinMaintenance {
    written: AtomicUsize,
    is_running: AtomicBool,
}

impl GinMaintenance {
    /// Counts intents. On `true`, the caller must merge and then call [`Self::finish`].
    pub(super) fn is_due_after(&self, intents: usize) -> bool {
        let written = self.written.fetch_add(intents, Ordering::Relaxed).saturating_add(intents);
        if written < MERGE_AFTER || self.is_running.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.written.store(0, Ordering::Relaxed);
        true
    }

    pub(super) fn finish(&self) {
        self.is_running.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_is_due_after_a_thousand_intents_and_never_twice_at_once() {
        let maintenance = GinMaintenance::default();
        assert!(!maintenance.is_due_after(999));
        assert!(maintenance.is_due_after(1));
        assert!(!maintenance.is_due_after(5_000));

        maintenance.finish();

        assert!(maintenance.is_due_after(1));
        maintenance.finish();
        assert!(!maintenance.is_due_after(999));
    }
}
