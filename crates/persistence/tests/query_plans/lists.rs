//! Calls that read and write the inbox, groups, members and invitations.

use application::ports::{
    AccountStore, AuditLog, ConversationStore, First, InboxStore, InviteStore, PageRange,
};
use domain::{
    Action, AddedBy, ConversationId, ConversationKind, Emoji, Invite, InviteCode, MsgNo, Outcome,
    Pair, ProfileUpdate, Role, Timestamp, Update, UserId,
};
use persistence::SqliteChat;
use testkit::values::{at, edit, intent, new_group, send};

pub(super) async fn use_lists(chat: &SqliteChat, ada: UserId, bob: UserId, group: ConversationId) {
    let pair = Pair::of(ada, bob).unwrap();
    let (direct, _) = chat.open_direct(pair).await.unwrap();
    chat.open_direct(pair).await.unwrap();
    chat.set_blocked(bob, ada, true).await.unwrap();
    chat.commit(vec![send(direct, ada, 1, "refused")]).await.unwrap();
    chat.set_blocked(bob, ada, false).await.unwrap();
    use_group(chat, ada, group).await;
    use_members(chat, ada, bob, group).await;
    use_invitations(chat, ada, bob, group).await;
    use_invites(chat, ada, bob, group).await;
    use_inbox(chat, ada, bob, &[ConversationId::LOBBY, direct, group]).await;
    let none = chat.audited(None, 10).await.unwrap();
    assert!(!none.is_empty(), "a superuser moderated");
}

async fn use_group(chat: &SqliteChat, ada: UserId, group: ConversationId) {
    let answers = chat.commit(vec![send(group, ada, 1, "@ada @bob @all")]).await.unwrap();
    let message = answers[0].as_ref().unwrap().message().unwrap().id;
    let emoji = Emoji::parse(":x:").unwrap();
    let details =
        Action::SetDetails { title: Update::Set(None), topic: Update::Keep, history: None };
    let reply = Action::Send {
        client_id: testkit::values::client_id(2),
        body: testkit::values::body("re"),
        marked_edited: false,
        reply_to: Some(message),
    };
    let intents = vec![
        edit(group, ada, message, Some("@ada")),
        intent(group, ada, Action::React { message, emoji, present: true }),
        intent(group, ada, Action::Pin { message, pinned: true }),
        intent(group, ada, details),
        intent(group, ada, reply),
    ];
    let answers = chat.commit(intents).await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    for first in [First::Newest, First::Oldest] {
        let range = PageRange { after: MsgNo::ZERO, before: Some(MsgNo::new(9)), first };
        assert_eq!(chat.page(group, range, 10).await.unwrap().messages.len(), 2);
    }
    assert_eq!(chat.pinned(group, MsgNo::ZERO, None, 10).await.unwrap().messages.len(), 1);
    chat.pinned(group, MsgNo::ZERO, Some(Timestamp::from_seconds(1)), 10).await.unwrap();
}

async fn use_members(chat: &SqliteChat, ada: UserId, bob: UserId, group: ConversationId) {
    let steps = [
        Action::Add { user: bob, role: Role::Member },
        Action::SetRole { user: bob, role: Role::Reader },
        Action::Silence { user: bob, until: Some(at(i64::from(u32::MAX))) },
        Action::Remove { user: bob },
        Action::Ban { user: bob },
        Action::Unban { user: bob },
    ];
    for step in steps {
        let answers = chat.commit(vec![intent(group, ada, step)]).await.unwrap();
        assert!(matches!(answers[0], Ok(Outcome::Applied(_))), "{answers:?}");
    }
    assert_eq!(chat.members(group, None, 10).await.unwrap().len(), 2);
    chat.members(group, Some(ada), 10).await.unwrap();
    chat.reacted_by(group, ada, 10).await.unwrap();
    chat.contact_statuses(ada, &[ada, bob]).await.unwrap();
}

async fn use_invitations(chat: &SqliteChat, ada: UserId, bob: UserId, group: ConversationId) {
    for added_by in [AddedBy::Acquaintances, AddedBy::Nobody] {
        let update = ProfileUpdate { added_by: Some(added_by), ..ProfileUpdate::default() };
        chat.set_profile(bob, update).await.unwrap();
        chat.additions(ada, &[bob]).await.unwrap();
    }
    let new = new_group(vec![(ada, Role::Owner)]);
    let (deleted, _) = chat.create_group(new).await.unwrap().unwrap();
    let invite = |group| intent(group, ada, Action::Add { user: bob, role: Role::Member });
    let delete = intent(deleted, ada, Action::DeleteConversation);
    let answers = chat.commit(vec![invite(deleted), delete, invite(group)]).await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(chat.invitations(bob, 10).await.unwrap().len(), 1);
    let decline = intent(group, bob, Action::Decline);
    assert!(chat.commit(vec![decline]).await.unwrap()[0].is_ok());
    let update = ProfileUpdate { added_by: Some(AddedBy::Everyone), ..ProfileUpdate::default() };
    chat.set_profile(bob, update).await.unwrap();
}

async fn use_invites(chat: &SqliteChat, ada: UserId, bob: UserId, group: ConversationId) {
    let code = InviteCode::new(7);
    let invite = Invite {
        code,
        conversation: group,
        created_by: ada,
        created_at: at(1),
        role: Role::Member,
        expires_at: None,
        max_uses: None,
        uses: 0,
        revoked: false,
    };
    chat.add_invite(invite).await.unwrap();
    chat.invite(code).await.unwrap();
    chat.invites(group, Role::Owner, None, 10).await.unwrap();
    chat.invites(group, Role::Admin, Some((at(1), code)), 10).await.unwrap();
    let join = intent(group, bob, Action::Join { invite: code });
    assert!(chat.commit(vec![join]).await.unwrap()[0].is_ok());
    chat.revoke_invite(group, code).await.unwrap();
}

async fn use_inbox(chat: &SqliteChat, ada: UserId, bob: UserId, groups: &[ConversationId]) {
    for group in groups {
        chat.commit(vec![send(*group, ada, 9, "@bob @all")]).await.unwrap();
    }
    let all = chat.conversations(ada, None, 10).await.unwrap().entries;
    assert_eq!(all.len(), groups.len());
    assert!(all.iter().any(|entry| matches!(entry.conversation.kind, ConversationKind::Direct(_))));
    chat.conversations(ada, Some(all[0].cursor()), 10).await.unwrap();
    let entries = chat.conversations(bob, None, 10).await.unwrap().entries;
    assert!(entries.iter().any(|entry| entry.unread_mentions == 1), "{entries:?}");
    for group in groups {
        InboxStore::conversation(chat, bob, *group).await.unwrap();
        chat.mark_read(bob, *group, MsgNo::new(9)).await.unwrap();
        chat.set_muted(bob, *group, true).await.unwrap();
    }
    chat.blocked_by(ada).await.unwrap();
}
