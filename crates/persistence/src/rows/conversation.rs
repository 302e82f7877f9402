//! Conversations and their heads.

use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};
use domain::{
    Conversation, ConversationId, ConversationKind, Details, Head, HistoryRule, MsgNo, Pair, Seq,
    Timestamp, Title, Topic, UserId,
};

use crate::failure::CorruptRow;
use crate::schema::{conversation_heads, conversations};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = conversation_heads, primary_key(conversation_id))]
pub(crate) struct HeadRow {
    conversation_id: i64,
    seq: i64,
    msg_no: i64,
    last_at: i64,
}

impl HeadRow {
    /// Of the conversation.
    pub(crate) fn id(&self) -> i64 {
        self.conversation_id
    }
}

impl From<HeadRow> for Head {
    fn from(row: HeadRow) -> Self {
        Self {
            conversation: ConversationId::new(row.conversation_id),
            seq: Seq::new(row.seq),
            msg_no: MsgNo::new(row.msg_no),
            last_at: Timestamp::from_micros(row.last_at),
        }
    }
}

impl From<Head> for HeadRow {
    fn from(head: Head) -> Self {
        Self {
            conversation_id: head.conversation.get(),
            seq: head.seq.get(),
            msg_no: head.msg_no.get(),
            last_at: head.last_at.micros(),
        }
    }
}

/// A head under its lock, with its conversation.
pub(crate) type LockedHeadRow = (HeadRow, ConversationRow);

#[derive(Queryable, Selectable)]
#[diesel(table_name = conversations)]
pub(crate) struct ConversationRow {
    id: i64,
    kind: String,
    direct_low: Option<i64>,
    direct_high: Option<i64>,
    title: Option<String>,
    topic: Option<String>,
    history: String,
    view_version: i64,
    deleted_at: Option<i64>,
    seq_last: i64,
}

impl TryFrom<ConversationRow> for Conversation {
    type Error = CorruptRow;

    fn try_from(row: ConversationRow) -> Result<Self, CorruptRow> {
        let corrupt =
            |reason| CorruptRow { table: "conversations", id: row.id.to_string(), reason };
        let pair = row.direct_low.zip(row.direct_high);
        let pair = pair.map(|(low, high)| Pair::of(UserId::new(low), UserId::new(high)));
        let kind = match (row.kind.as_str(), pair) {
            ("lobby", None) => ConversationKind::Lobby,
            ("group", None) => ConversationKind::Group,
            ("group", Some(Some(pair))) => ConversationKind::Direct(pair),
            _ => return Err(corrupt("kind")),
        };
        let title = row.title.as_deref().map(Title::parse).transpose();
        let topic = row.topic.as_deref().map(Topic::parse).transpose();
        let history = match row.history.as_str() {
            "since_joined" => HistoryRule::SinceJoined,
            "all" => HistoryRule::All,
            _ => return Err(corrupt("history")),
        };
        Ok(Self {
            id: ConversationId::new(row.id),
            kind,
            details: Details {
                title: title.map_err(|_| corrupt("title"))?,
                topic: topic.map_err(|_| corrupt("topic"))?,
                history,
            },
            view_version: row.view_version,
            deleted_at: row.deleted_at.map(Timestamp::from_micros),
            seq_last: Seq::new(row.seq_last),
        })
    }
}

/// What of a conversation is written.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = conversations, treat_none_as_null = true)]
pub(crate) struct NewConversationRow {
    kind: &'static str,
    direct_low: Option<i64>,
    direct_high: Option<i64>,
    title: Option<String>,
    topic: Option<String>,
    history: &'static str,
    view_version: i64,
    deleted_at: Option<i64>,
    seq_last: i64,
}

impl From<&Conversation> for NewConversationRow {
    fn from(conversation: &Conversation) -> Self {
        let pair = match conversation.kind {
            ConversationKind::Direct(pair) => Some(pair),
            ConversationKind::Lobby | ConversationKind::Group => None,
        };
        let Details { title, topic, history } = &conversation.details;
        Self {
            kind: match conversation.kind {
                ConversationKind::Lobby => "lobby",
                ConversationKind::Group | ConversationKind::Direct(_) => "group",
            },
            direct_low: pair.map(|pair| pair.low().get()),
            direct_high: pair.map(|pair| pair.high().get()),
            title: title.as_ref().map(|title| title.as_str().to_owned()),
            topic: topic.as_ref().map(|topic| topic.as_str().to_owned()),
            history: match history {
                HistoryRule::SinceJoined => "since_joined",
                HistoryRule::All => "all",
            },
            view_version: conversation.view_version,
            deleted_at: conversation.deleted_at.map(Timestamp::micros),
            seq_last: conversation.seq_last.get(),
        }
    }
}
