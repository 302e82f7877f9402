//! Rules of typing notifications and read receipts.

use super::writing_role;
use crate::{Conversation, ConversationKind, Member, Refusal, Timestamp};

/// Members of the largest group with read receipts.
pub const SMALL_GROUP: usize = 50;

/// Returns whether the others see a user with this member row typing: only if the user may send
/// messages there.
pub fn may_type(
    conversation: &Conversation,
    member: Option<&Member>,
    is_blocked: bool,
    now: Timestamp,
) -> Result<(), Refusal> {
    writing_role(conversation, member, now)?;
    let is_direct = matches!(conversation.kind, ConversationKind::Direct(_));
    if is_direct && is_blocked { Err(Refusal::Blocked) } else { Ok(()) }
}

/// Returns whether members of a conversation of this size see read receipts, of users who show
/// their presence.
#[must_use]
pub fn shows_read_receipts(kind: ConversationKind, members: usize) -> bool {
    match kind {
        ConversationKind::Lobby => false,
        ConversationKind::Group => members <= SMALL_GROUP,
        ConversationKind::Direct(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConversationId, Details, MemberStatus, Pair, Role, UserId, Username};

    const USER: UserId = UserId::new(1);
    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn kinds() -> [ConversationKind; 3] {
        let pair = Pair::of(USER, UserId::new(2)).unwrap();
        [ConversationKind::Lobby, ConversationKind::Group, ConversationKind::Direct(pair)]
    }

    #[test]
    fn only_users_who_may_write_can_type() {
        let id = ConversationId::new(7);
        let as_role = |role| Member::first(id, USER, Username::parse("ann").unwrap(), role);
        let member = as_role(Role::Member);
        let status = |status| Some(Member { status, ..member.clone() });
        let until = NOW.next();
        let silenced = |at| Some(Member { silenced_until: Some(at), ..member.clone() });
        let none = Err(Refusal::NotFound);
        let cases = [
            ("stranger", None, false, [Ok(()), none, none]),
            ("member", Some(member.clone()), false, [Ok(()); 3]),
            ("reader", Some(as_role(Role::Reader)), false, [Err(Refusal::Forbidden); 3]),
            ("left", status(MemberStatus::Left), false, [Ok(()), none, none]),
            ("banned", status(MemberStatus::Banned), false, [Err(Refusal::Banned); 3]),
            ("silenced", silenced(until), false, [Err(Refusal::Silenced { until }); 3]),
            ("silenced before", silenced(NOW), false, [Ok(()); 3]),
            ("blocked", Some(member.clone()), true, [Ok(()), Ok(()), Err(Refusal::Blocked)]),
        ];

        for (name, member, is_blocked, want) in cases {
            for (kind, want) in kinds().into_iter().zip(want) {
                let conversation = Conversation::new(id, kind, Details::default());

                let got = may_type(&conversation, member.as_ref(), is_blocked, NOW);

                assert_eq!(got, want, "{name} in {kind:?}");
            }
        }
    }

    #[test]
    fn direct_conversations_and_small_groups_show_read_receipts() {
        let shows = |members| kinds().map(|kind| shows_read_receipts(kind, members));

        assert_eq!(shows(2), [false, true, true]);
        assert_eq!(shows(SMALL_GROUP), [false, true, true]);
        assert_eq!(shows(SMALL_GROUP + 1), [false, false, true]);
    }
}
