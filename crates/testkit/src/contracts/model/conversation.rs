//! The expected state of one conversation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::{
    Action, Change, ClientId, Conversation, ConversationKind, HistoryRule, Invite, InviteCode,
    Member, MemberStatus, Message, MessageBody, MessageId, MsgNo, Outcome, Refusal, Role, Seq,
    UserId,
};

/// The expected rows, and who may see which. Computed independently of the
/// policy and the stores.
#[derive(Debug)]
pub(super) struct ConversationModel {
    pub(super) conversation: Conversation,
    pub(super) seq: Seq,
    pub(super) msg_no: MsgNo,
    /// Including tombstones.
    pub(super) messages: BTreeMap<MessageId, Arc<Message>>,
    pub(super) members: BTreeMap<UserId, Member>,
    pub(super) invites: HashMap<InviteCode, Invite>,
    /// The text of the first attempt to send.
    pub(super) sent: HashMap<(UserId, ClientId), MessageBody>,
    /// The last message before each user joined.
    joined_after: HashMap<UserId, MsgNo>,
    read_nos: HashMap<UserId, MsgNo>,
}

impl ConversationModel {
    pub(super) fn new(conversation: Conversation, members: Vec<Member>) -> Self {
        Self {
            conversation,
            seq: Seq::ZERO,
            msg_no: MsgNo::ZERO,
            messages: BTreeMap::new(),
            members: members.into_iter().map(|member| (member.user, member)).collect(),
            invites: HashMap::new(),
            sent: HashMap::new(),
            joined_after: HashMap::new(),
            read_nos: HashMap::new(),
        }
    }

    pub(super) fn is_lobby(&self) -> bool {
        self.conversation.kind == ConversationKind::Lobby
    }

    /// Whether the user may read here at all.
    pub(super) fn admits(&self, user: UserId) -> bool {
        let status = self.members.get(&user).map(|member| member.status);
        let belongs = match self.conversation.kind {
            ConversationKind::Lobby => status != Some(MemberStatus::Banned),
            ConversationKind::Group | ConversationKind::Direct(_) => {
                status == Some(MemberStatus::Active)
            }
        };
        belongs && self.conversation.deleted_at.is_none()
    }

    /// Whether the message is in the part of the history that the user may see.
    pub(super) fn reaches(&self, user: UserId, message: &Message) -> bool {
        let since = match (self.conversation.kind, self.conversation.details.history) {
            (ConversationKind::Group, HistoryRule::SinceJoined) => self.joined_at(user),
            _ => MsgNo::ZERO,
        };
        message.msg_no > since
    }

    fn joined_at(&self, user: UserId) -> MsgNo {
        self.joined_after.get(&user).copied().unwrap_or(MsgNo::ZERO)
    }

    /// The messages that a user sees who blocks these users.
    pub(super) fn visible_messages(
        &self,
        user: UserId,
        blocked: &BTreeSet<UserId>,
    ) -> BTreeMap<MessageId, Arc<Message>> {
        let is_visible = |message: &Message| {
            let is_present = !message.is_deleted() && !blocked.contains(&message.author.id);
            is_present && self.reaches(user, message)
        };
        let visible = self.messages.iter().filter(|(_, message)| is_visible(message));
        visible.map(|(id, message)| (*id, shown(message, blocked))).collect()
    }

    /// The members that lists contain. A member of the lobby without a change of
    /// its own may or may not have a row.
    pub(super) fn listed_members(
        &self,
        viewer: UserId,
        blocked: &BTreeSet<UserId>,
    ) -> BTreeMap<UserId, Member> {
        let is_listed = |member: &Member| !self.is_lobby() || member.seq_last > Seq::ZERO;
        let is_hidden = |user: &UserId| *user != viewer && blocked.contains(user);
        let listed = self.members.iter().filter(|(_, member)| is_listed(member));
        let listed = listed.filter(|(user, _)| !is_hidden(user));
        listed.map(|(user, member)| (*user, member.clone())).collect()
    }

    pub(super) fn add_invite(&mut self, invite: Invite) {
        self.invites.insert(invite.code, invite);
    }

    pub(super) fn is_invited(&self, user: UserId) -> bool {
        let member = self.members.get(&user);
        let is_invited = member.is_some_and(|member| member.status == MemberStatus::Invited);
        is_invited && self.conversation.deleted_at.is_none()
    }

    pub(super) fn owner(&self) -> Option<UserId> {
        let owners = self.members.values().filter(|member| member.is_active_owner());
        owners.map(|member| member.user).next()
    }

    pub(super) fn read_no(&self, user: UserId) -> MsgNo {
        if self.is_lobby() && !self.members.contains_key(&user) {
            return self.msg_no;
        }
        self.read_nos.get(&user).copied().unwrap_or(MsgNo::ZERO)
    }

    /// The user has a row from now on, even in the lobby.
    pub(super) fn add_row(&mut self, member: Member) {
        if !self.members.contains_key(&member.user) {
            self.read_nos.insert(member.user, self.msg_no);
            self.members.insert(member.user, member);
        }
    }

    pub(super) fn mark_read(&mut self, user: UserId, up_to: MsgNo) -> MsgNo {
        let read_no = self.read_no(user).max(up_to.min(self.msg_no));
        self.read_nos.insert(user, read_no);
        read_no
    }

    /// Checks the answer to an action and applies it.
    pub(super) fn record(
        &mut self,
        actor: UserId,
        action: &Action,
        answer: &Result<Outcome, Refusal>,
    ) {
        match answer {
            Ok(Outcome::Applied(change)) => {
                assert_eq!(change.seq(), self.seq.next(), "there is a gap");
                self.seq = change.seq();
                self.apply(actor, action, change);
            }
            Ok(Outcome::AlreadyStored(message)) => self.check_replayed(actor, action, message),
            Err(Refusal::ClientIdReused) => {
                let Action::Send { client_id, body, .. } = action else { panic!("not a send") };
                assert!(self.sent.get(&(actor, *client_id)).is_some_and(|first| first != body));
            }
            Err(Refusal::Outdated) => {
                let (Action::Edit { message, expected, .. } | Action::Delete { message, expected }) =
                    action
                else {
                    panic!("neither an edit nor a deletion")
                };
                assert!(!expected.allows(self.messages[message].edits));
            }
            Err(_) => {}
        }
    }

    fn check_replayed(&self, actor: UserId, action: &Action, message: &Arc<Message>) {
        let Action::Send { client_id, body, .. } = action else { panic!("not a send") };
        assert_eq!(self.sent.get(&(actor, *client_id)), Some(body));
        assert_eq!(self.messages.get(&message.id), Some(message), "in its current form");
        assert_eq!((message.author.id, message.client_id), (actor, *client_id));
    }

    fn apply(&mut self, actor: UserId, action: &Action, change: &Change) {
        match change {
            Change::Message(message) => self.apply_message(actor, action, message),
            Change::Member(member) => self.apply_member(member),
            Change::Conversation(conversation) => {
                self.conversation = Conversation::clone(conversation);
            }
        }
        if let Action::Join { invite } = action {
            self.invites.get_mut(invite).expect("a known invite").uses += 1;
        }
    }

    fn apply_message(&mut self, actor: UserId, action: &Action, message: &Arc<Message>) {
        if let Action::Send { client_id, body, .. } = action {
            assert_eq!(message.msg_no, self.msg_no.next(), "there is a gap");
            assert_eq!((message.author.id, &message.body), (actor, body));
            assert_eq!((message.seq_created, message.seq_last), (self.seq, self.seq));
            let is_first = self.sent.insert((actor, *client_id), body.clone()).is_none();
            assert!(is_first, "stored twice: {message:?}");
            self.msg_no = message.msg_no;
            if self.members.contains_key(&actor) {
                self.read_nos.insert(actor, self.msg_no);
            }
        } else {
            let before = &self.messages[&message.id];
            assert!(!before.is_deleted(), "a tombstone was altered: {message:?}");
            let of = |m: &Message| (m.msg_no, m.seq_created, m.author.id, m.created_at);
            assert_eq!(of(message), of(before));
            if let Action::Edit { expected, .. } | Action::Delete { expected, .. } = action {
                assert!(expected.allows(before.edits));
            }
        }
        self.messages.insert(message.id, Arc::clone(message));
    }

    fn apply_member(&mut self, member: &Member) {
        let before = self.members.insert(member.user, member.clone());
        if before.is_some_and(|before| before.is_active()) {
            return;
        }
        self.read_nos.insert(member.user, self.msg_no);
        if member.is_active() {
            self.joined_after.insert(member.user, self.msg_no);
        }
    }

    /// Unread mentions, except by blocked users.
    pub(super) fn unread_mentions(&self, user: UserId, blocked: &BTreeSet<UserId>) -> i64 {
        // In the lobby those count that came since the sign-up, which is before all messages.
        let has_row = self.members.contains_key(&user);
        let read_no = if has_row { self.read_no(user) } else { MsgNo::ZERO };
        let is_unread_mention = |message: &&Arc<Message>| {
            message.msg_no > read_no
                && message.author.id != user
                && !message.is_deleted()
                && message.mentions.call(user)
                && !blocked.contains(&message.author.id)
        };
        i64::try_from(self.messages.values().filter(is_unread_mention).count()).unwrap()
    }

    /// The invites that an owner sees: all that are not revoked.
    pub(super) fn open_invites(&self) -> HashMap<InviteCode, Invite> {
        let open = self.invites.iter().filter(|(_, invite)| !invite.revoked);
        open.map(|(code, invite)| (*code, *invite)).collect()
    }

    /// The role of an active member.
    pub(super) fn role_of(&self, user: UserId) -> Option<Role> {
        self.members.get(&user).filter(|member| member.is_active()).map(|member| member.role)
    }
}

/// The message without the reactions of blocked users.
pub(super) fn shown(message: &Message, blocked: &BTreeSet<UserId>) -> Arc<Message> {
    let reactions = message.reactions.iter().cloned().map(|mut reaction| {
        reaction.users.retain(|user| !blocked.contains(user));
        reaction
    });
    let reactions = reactions.filter(|reaction| !reaction.users.is_empty()).collect();
    Arc::new(Message { reactions, ..message.clone() })
}
