//! What a search finds.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Integer};

/// A message that was found, before its text is read.
#[derive(Debug, QueryableByName)]
pub(crate) struct FoundRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) id: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) conversation_id: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) msg_no: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) author_id: i64,
    /// Of its text, in bytes.
    #[diesel(sql_type = Integer)]
    pub(crate) length: i32,
}
