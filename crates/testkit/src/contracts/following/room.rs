//! What became of a conversation, by the answers that its users got.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::{
    Action, Change, ClientId, Conversation, ConversationKind, HistoryRule, Invite, InviteCode,
    Member, MemberStatus, Message, MessageBody, MessageId, MsgNo, Outcome, Refusal, Role, Seq,
    UserId,
};

/// Rows as they have to be, and who may see which: reckoned here, apart from the
/// policy and the stores.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) conversation: Conversation,
    pub(super) seq: Seq,
    pub(super) msg_no: MsgNo,
    /// Tombstones too.
    pub(super) messages: BTreeMap<MessageId, Arc<Message>>,
    pub(super) members: BTreeMap<UserId, Member>,
    pub(super) invites: HashMap<InviteCode, Invite>,
    /// The first texts of what was sent.
    pub(super) sent: HashMap<(UserId, ClientId), MessageBody>,
    /// What was said up to there came before them.
    joined: HashMap<UserId, MsgNo>,
    markers: HashMap<UserId, MsgNo>,
}

impl Room {
    /// Nothing has happened in it.
    pub(super) fn new(conversation: Conversation, members: Vec<Member>) -> Self {
        Self {
            conversation,
            seq: Seq::ZERO,
            msg_no: MsgNo::ZERO,
            messages: BTreeMap::new(),
            members: members.into_iter().map(|member| (member.user, member)).collect(),
            invites: HashMap::new(),
            sent: HashMap::new(),
            joined: HashMap::new(),
            markers: HashMap::new(),
        }
    }

    pub(super) fn is_lobby(&self) -> bool {
        self.conversation.kind == ConversationKind::Lobby
    }

    /// Whether somebody may read here at all.
    pub(super) fn admits(&self, user: UserId) -> bool {
        let standing = self.members.get(&user).map(|member| member.status);
        let belongs = match self.conversation.kind {
            ConversationKind::Lobby => standing != Some(MemberStatus::Banned),
            ConversationKind::Group | ConversationKind::Direct(_) => {
                standing == Some(MemberStatus::Active)
            }
        };
        belongs && self.conversation.deleted_at.is_none()
    }

    /// Whether a message is of the time that somebody may see.
    pub(super) fn reaches(&self, user: UserId, message: &Message) -> bool {
        let since = match (self.conversation.kind, self.conversation.details.history) {
            (ConversationKind::Group, HistoryRule::SinceJoined) => self.joined_at(user),
            _ => MsgNo::ZERO,
        };
        message.msg_no > since
    }

    fn joined_at(&self, user: UserId) -> MsgNo {
        self.joined.get(&user).copied().unwrap_or(MsgNo::ZERO)
    }

    /// Messages that somebody sees who blocks these.
    pub(super) fn shown(
        &self,
        user: UserId,
        blocked: &BTreeSet<UserId>,
    ) -> BTreeMap<MessageId, Arc<Message>> {
        let is_shown = |message: &Message| {
            let is_there = !message.is_deleted() && !blocked.contains(&message.author.id);
            is_there && self.reaches(user, message)
        };
        let shown = self.messages.iter().filter(|(_, message)| is_shown(message));
        shown.map(|(id, message)| (*id, Arc::clone(message))).collect()
    }

    /// Members as a list tells of them. Who is in the lobby without being an
    /// exception has a row or has none.
    pub(super) fn told_members(&self) -> BTreeMap<UserId, Member> {
        let can_see_change = |member: &Member| !self.is_lobby() || member.seq_last > Seq::ZERO;
        let told = self.members.iter().filter(|(_, member)| can_see_change(member));
        told.map(|(user, member)| (*user, member.clone())).collect()
    }

    pub(super) fn owner(&self) -> Option<UserId> {
        let owners = self.members.values().filter(|member| member.is_active_owner());
        owners.map(|member| member.user).next()
    }

    /// Up to where somebody has read.
    pub(super) fn marker(&self, user: UserId) -> MsgNo {
        if self.is_lobby() && !self.members.contains_key(&user) {
            return self.msg_no;
        }
        self.markers.get(&user).copied().unwrap_or(MsgNo::ZERO)
    }

    /// Somebody has a row from now on, even in the lobby.
    pub(super) fn settle(&mut self, member: Member) {
        if !self.members.contains_key(&member.user) {
            self.markers.insert(member.user, self.msg_no);
            self.members.insert(member.user, member);
        }
    }

    pub(super) fn read(&mut self, user: UserId, up_to: MsgNo) -> MsgNo {
        let marker = self.marker(user).max(up_to.min(self.msg_no));
        self.markers.insert(user, marker);
        marker
    }

    /// Takes in what came of a wish: it is what may have come of it.
    pub(super) fn take(
        &mut self,
        actor: UserId,
        action: &Action,
        answer: &Result<Outcome, Refusal>,
    ) {
        match answer {
            Ok(Outcome::Applied(change)) => {
                assert_eq!(change.seq(), self.seq.next(), "dense");
                self.seq = change.seq();
                self.apply(actor, action, change);
            }
            Ok(Outcome::Replayed(message)) => self.check_replayed(actor, action, message),
            Err(Refusal::ClientIdReused) => {
                let Action::Send { client_id, body, .. } = action else { panic!("no send") };
                assert!(self.sent.get(&(actor, *client_id)).is_some_and(|first| first != body));
            }
            Err(Refusal::Outdated) => {
                let Action::Edit { message, expected_edits, .. } = action else {
                    panic!("no edit")
                };
                assert_ne!(Some(self.messages[message].edits), *expected_edits);
            }
            Err(_) => {}
        }
    }

    fn check_replayed(&self, actor: UserId, action: &Action, message: &Arc<Message>) {
        let Action::Send { client_id, body, .. } = action else { panic!("no send") };
        assert_eq!(self.sent.get(&(actor, *client_id)), Some(body));
        assert_eq!(self.messages.get(&message.id), Some(message), "as it is now");
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
            self.invites.get_mut(invite).expect("it was made here").uses += 1;
        }
    }

    fn apply_message(&mut self, actor: UserId, action: &Action, message: &Arc<Message>) {
        if let Action::Send { client_id, body, .. } = action {
            assert_eq!(message.msg_no, self.msg_no.next(), "dense");
            assert_eq!((message.author.id, &message.body), (actor, body));
            assert_eq!((message.seq_created, message.seq_last), (self.seq, self.seq));
            let is_first = self.sent.insert((actor, *client_id), body.clone()).is_none();
            assert!(is_first, "stored twice: {message:?}");
            self.msg_no = message.msg_no;
            if self.members.contains_key(&actor) {
                self.markers.insert(actor, self.msg_no);
            }
        } else {
            let before = &self.messages[&message.id];
            assert!(!before.is_deleted(), "a tombstone was altered: {message:?}");
            let of = |m: &Message| (m.msg_no, m.seq_created, m.author.id, m.created_at);
            assert_eq!(of(message), of(before));
            if let Action::Edit { expected_edits: Some(expected), .. } = action {
                assert_eq!(before.edits, *expected);
            }
        }
        self.messages.insert(message.id, Arc::clone(message));
    }

    fn apply_member(&mut self, member: &Member) {
        let before = self.members.insert(member.user, member.clone());
        if before.is_some_and(|before| before.is_active()) {
            return;
        }
        self.markers.insert(member.user, self.msg_no);
        if member.is_active() {
            self.joined.insert(member.user, self.msg_no);
        }
    }

    /// Unread calls, but for those that blocked ones made.
    pub(super) fn calls(&self, user: UserId, blocked: &BTreeSet<UserId>) -> i64 {
        let marker = self.marker(user);
        let calls = |message: &&Arc<Message>| {
            message.msg_no > marker
                && !message.is_deleted()
                && message.mentions.call(user)
                && !blocked.contains(&message.author.id)
        };
        i64::try_from(self.messages.values().filter(calls).count()).unwrap()
    }

    /// Those that were not taken back, which an owner sees.
    pub(super) fn open_invites(&self) -> HashMap<InviteCode, Invite> {
        let open = self.invites.iter().filter(|(_, invite)| !invite.revoked);
        open.map(|(code, invite)| (*code, *invite)).collect()
    }

    /// Where somebody may be made something, and what.
    pub(super) fn role_of(&self, user: UserId) -> Option<Role> {
        self.members.get(&user).filter(|member| member.is_active()).map(|member| member.role)
    }
}
