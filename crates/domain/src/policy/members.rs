//! Coming, going, and what becomes of members.

use super::{Case, Decision};
use crate::{
    AuditedAction, Change, ConversationKind, InviteCode, Member, MemberStatus, Refusal, Role,
    Timestamp, UserId,
};

impl Case<'_> {
    pub(super) fn join(&self, code: InviteCode) -> Result<Change, Refusal> {
        let here = self.here.conversation.id;
        let invite = self.facts.invites.get(&code);
        let invite =
            invite.filter(|invite| invite.conversation == here).ok_or(Refusal::NotFound)?;
        match self.here.members.get(&self.id).map(|member| member.standing) {
            Some(MemberStatus::Active) => return Err(Refusal::AlreadyMember),
            Some(MemberStatus::Banned) => return Err(Refusal::Banned),
            Some(MemberStatus::Left) | None => {}
        }
        if !invite.is_good(self.clock) {
            return Err(Refusal::NotFound);
        }
        // Leaving and coming back undoes no demotion.
        let kept = self.here.members.get(&self.id).map_or(invite.role, |member| member.role);
        self.entering(self.id, invite.role.min(kept))
    }

    /// By who is above what the newcomer becomes.
    pub(super) fn add(&self, user: UserId, role: Role) -> Result<Change, Refusal> {
        let own = self.managing_role()?;
        if role > own || (role == own && own != Role::Owner) {
            return Err(Refusal::Forbidden);
        }
        self.check_account(user)?;
        // Who wants nothing to do with somebody is not put into a room with them.
        if self.facts.blocks.contains(&(user, self.id)) {
            return Err(Refusal::Blocked);
        }
        match self.here.members.get(&user).map(|member| member.standing) {
            Some(MemberStatus::Active) => Err(Refusal::AlreadyMember),
            Some(MemberStatus::Banned) => Err(Refusal::Forbidden),
            Some(MemberStatus::Left) | None => self.entering(user, role),
        }
    }

    pub(super) fn remove(&self, user: UserId) -> Result<Change, Refusal> {
        let own = self.managing_role()?;
        let member = self.active(user)?;
        if user == self.id || !outranks(own, member.role) {
            return Err(Refusal::Forbidden);
        }
        self.leaving(member)
    }

    pub(super) fn leave(&self) -> Result<Change, Refusal> {
        self.role()?;
        if self.here.conversation.kind != ConversationKind::Group {
            return Err(Refusal::Forbidden);
        }
        self.leaving(self.active(self.id)?)
    }

    /// Owners make anybody anything; admins make readers of members, and back.
    pub(super) fn set_role(&self, user: UserId, role: Role) -> Result<Change, Refusal> {
        let own = self.managing_role()?;
        let member = self.active(user).map_err(|_| Refusal::UnknownUser)?;
        let is_owner = own == Role::Owner;
        if !is_owner && (!outranks(own, member.role) || !outranks(own, role)) {
            return Err(Refusal::Forbidden);
        }
        if member.role == Role::Owner && role != Role::Owner {
            self.check_owners(member)?;
        }
        if role == Role::Owner {
            self.check_account(user)?;
        }
        Ok(self.altered(Member { role, ..member.clone() }))
    }

    /// An owner becomes an admin, once another has become an owner.
    pub(super) fn step_down(&self, successor: UserId) -> Result<Change, Refusal> {
        let own = self.active(self.id)?;
        let is_followed = self.active(successor).is_ok_and(Member::is_active_owner);
        if !own.is_active_owner() || !is_followed || successor == self.id {
            return Err(Refusal::Forbidden);
        }
        Ok(self.altered(Member { role: Role::Admin, ..own.clone() }))
    }

    pub(super) fn ban(&self, user: UserId) -> Result<Decision, Refusal> {
        let audit = self.or_moderate(self.moderating(user), AuditedAction::Ban(user))?;
        let member = self.moderated(user, audit.is_some())?;
        self.check_owners(&member)?;
        let change = self.altered(Member { standing: MemberStatus::Banned, ..member });
        Ok(Decision { audit, ..change.into() })
    }

    pub(super) fn unban(&self, user: UserId) -> Result<Decision, Refusal> {
        let audit = self.or_moderate(self.moderating(user), AuditedAction::Unban(user))?;
        let member = self.here.members.get(&user);
        let member =
            member.filter(|m| m.standing == MemberStatus::Banned).ok_or(Refusal::NotFound)?;
        let standing = match self.here.conversation.kind {
            ConversationKind::Lobby => MemberStatus::Active,
            ConversationKind::Group | ConversationKind::Direct(_) => MemberStatus::Left,
        };
        let change = self.altered(Member { standing, ..member.clone() });
        Ok(Decision { audit, ..change.into() })
    }

    pub(super) fn silence(
        &self,
        user: UserId,
        until: Option<Timestamp>,
    ) -> Result<Decision, Refusal> {
        let act = AuditedAction::Silence(user, until);
        let audit = self.or_moderate(self.moderating(user), act)?;
        let member = self.moderated(user, audit.is_some())?;
        let change = self.altered(Member { silenced_until: until, ..member });
        Ok(Decision { audit, ..change.into() })
    }

    /// What the actor is in a group, if that manages its members.
    fn managing_role(&self) -> Result<Role, Refusal> {
        let role = self.role()?;
        let is_group = self.here.conversation.kind == ConversationKind::Group;
        if is_group && role >= Role::Admin { Ok(role) } else { Err(Refusal::Forbidden) }
    }

    /// Whether the actor, as a member, may keep `user` out or silent.
    fn moderating(&self, user: UserId) -> Result<(), Refusal> {
        let own = self.managing_role()?;
        let theirs = self.here.members.get(&user).ok_or(Refusal::NotFound)?;
        // Who takes no part is no owner any more, whatever it was.
        let is_below = outranks(own, theirs.role) || (own == Role::Owner && !theirs.is_active());
        if is_below { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// Who is to be kept out or silent: not oneself, nor one superuser by
    /// another's power.
    fn moderated(&self, user: UserId, by_power: bool) -> Result<Member, Refusal> {
        let account = self.facts.accounts.get(&user).ok_or(Refusal::NotFound)?;
        let here = &self.here.conversation;
        let member = match (self.here.members.get(&user), here.kind) {
            (Some(member), _) => member.clone(),
            (None, ConversationKind::Lobby) => {
                Member::first(here.id, user, account.username.clone(), Role::Member)
            }
            (None, ConversationKind::Group | ConversationKind::Direct(_)) => {
                return Err(Refusal::NotFound);
            }
        };
        if user == self.id || (by_power && account.superuser) {
            return Err(Refusal::Forbidden);
        }
        Ok(member)
    }

    fn check_account(&self, user: UserId) -> Result<(), Refusal> {
        let is_there = self.facts.accounts.get(&user).is_some_and(|account| account.active);
        if is_there { Ok(()) } else { Err(Refusal::UnknownUser) }
    }

    fn active(&self, user: UserId) -> Result<&Member, Refusal> {
        self.here.members.get(&user).filter(|member| member.is_active()).ok_or(Refusal::NotFound)
    }

    /// Refuses that the last owner stops being one.
    fn check_owners(&self, member: &Member) -> Result<(), Refusal> {
        let is_last = member.is_active_owner() && self.here.owners <= 1;
        if is_last { Err(Refusal::LastOwner) } else { Ok(()) }
    }

    fn entering(&self, user: UserId, role: Role) -> Result<Change, Refusal> {
        let account = self.facts.accounts.get(&user).ok_or(Refusal::NotFound)?;
        let before = self.here.members.get(&user);
        let here = self.here.conversation.id;
        Ok(self.altered(Member {
            visible_after: self.here.head.msg_no,
            view_version: before.map_or(0, |before| before.view_version.saturating_add(1)),
            silenced_until: before.and_then(|before| before.silenced_until),
            ..Member::first(here, user, account.username.clone(), role)
        }))
    }

    fn leaving(&self, member: &Member) -> Result<Change, Refusal> {
        self.check_owners(member)?;
        Ok(self.altered(Member { standing: MemberStatus::Left, ..member.clone() }))
    }

    fn altered(&self, member: Member) -> Change {
        Change::Member(Member { seq_last: self.next_seq(), ..member })
    }
}

fn outranks(own: Role, theirs: Role) -> bool {
    own > theirs
}
