//! Joining, leaving, roles, bans and silences.

use super::{Context, DecideError, Decision, is_acting_owner, is_invite_valid};
use crate::{
    AuditedAction, Change, ConversationKind, InviteCode, Member, MemberStatus, Refusal, Role,
    Timestamp, UserId,
};

impl Context<'_> {
    pub(super) fn join(&self, code: InviteCode) -> Result<Change, DecideError> {
        let conversation = self.conversation.conversation.id;
        let invite = self.facts.invite(code)?;
        let invite =
            invite.filter(|invite| invite.conversation == conversation).ok_or(Refusal::NotFound)?;
        let before = self.member(self.actor.id)?;
        match before.map(|member| member.status) {
            Some(MemberStatus::Active) => return Err(Refusal::AlreadyMember.into()),
            Some(MemberStatus::Banned) => return Err(Refusal::Banned.into()),
            Some(MemberStatus::Left | MemberStatus::Invited) | None => {}
        }
        let maker = invite.created_by;
        let is_active = self.facts.account(maker)?.is_some_and(|account| account.active);
        let (group, maker) = (&self.conversation.conversation, self.member(maker)?);
        if !is_invite_valid(invite, group, is_active, maker, self.now) {
            return Err(Refusal::NotFound.into());
        }
        // Rejoining must not undo a demotion.
        let kept = before.map_or(invite.role, |member| member.role);
        Ok(self.changed_member(self.entering(self.actor.id, invite.role.min(kept))?))
    }

    pub(super) fn add(&self, user: UserId, role: Role) -> Result<Change, DecideError> {
        let own = self.managing_role()?;
        if role > own || (role == own && own != Role::Owner) {
            return Err(Refusal::Forbidden.into());
        }
        self.check_account(user)?;
        if self.facts.is_blocked(user, self.actor.id)? {
            return Err(Refusal::Blocked.into());
        }
        match self.member(user)?.map(|member| member.status) {
            Some(MemberStatus::Active | MemberStatus::Invited) => {
                return Err(Refusal::AlreadyMember.into());
            }
            Some(MemberStatus::Banned) => return Err(Refusal::Forbidden.into()),
            Some(MemberStatus::Left) | None => {}
        }
        let addition = self.facts.addition(user, self.actor.id)?.ok_or(Refusal::UnknownUser)?;
        let status = super::added_as(addition)?;
        let invited_by = (status == MemberStatus::Invited).then_some(self.actor.id);
        let member = self.entering(user, role)?;
        Ok(self.changed_member(Member { status, invited_by, ..member }))
    }

    pub(super) fn accept(&self) -> Result<Change, DecideError> {
        let member = self.own_invitation()?;
        Ok(self.changed_member(self.entering(self.actor.id, member.role)?))
    }

    pub(super) fn decline(&self) -> Result<Change, DecideError> {
        self.leaving(self.own_invitation()?)
    }

    fn own_invitation(&self) -> Result<&Member, DecideError> {
        let own = self.member(self.actor.id)?;
        Ok(own.filter(|own| own.status == MemberStatus::Invited).ok_or(Refusal::NotFound)?)
    }

    /// Removes a member, or withdraws an invitation.
    pub(super) fn remove(&self, user: UserId) -> Result<Change, DecideError> {
        let own = self.managing_role()?;
        let member = self.member(user)?.ok_or(Refusal::NotFound)?;
        let is_below = match member.status {
            MemberStatus::Active => user != self.actor.id && own > member.role,
            MemberStatus::Invited => own > member.role || own == Role::Owner,
            MemberStatus::Left | MemberStatus::Banned => return Err(Refusal::NotFound.into()),
        };
        if is_below { self.leaving(member) } else { Err(Refusal::Forbidden.into()) }
    }

    pub(super) fn leave(&self) -> Result<Change, DecideError> {
        self.role()?;
        if !self.is_group() {
            return Err(Refusal::Forbidden.into());
        }
        self.leaving(self.active(self.actor.id)?.ok_or(Refusal::NotFound)?)
    }

    /// In a group without an acting owner, superusers may make a member the owner.
    pub(super) fn set_role(&self, user: UserId, role: Role) -> Result<Decision, DecideError> {
        let member = self.active(user)?;
        let as_member = self.may_set_role(member, role);
        let has_owner = !self.is_group() || self.facts.owners(self.conversation)? > 0;
        let audit = if role == Role::Owner && !has_owner {
            self.or_moderate(as_member, AuditedAction::AssignOwner(user))?
        } else {
            as_member?;
            None
        };
        let member = member.ok_or(Refusal::UnknownUser)?;
        if role == Role::Owner {
            self.check_account(user)?;
        } else {
            self.check_owners(member)?;
        }
        let change = self.changed_member(Member { role, ..member.clone() });
        Ok(Decision { audit, ..change.into() })
    }

    /// Owners may set any role; admins may only switch between member and reader.
    fn may_set_role(&self, member: Option<&Member>, role: Role) -> Result<(), DecideError> {
        let own = self.managing_role()?;
        let is_below = member.is_none_or(|member| own > member.role && own > role);
        if own == Role::Owner || is_below { Ok(()) } else { Err(Refusal::Forbidden.into()) }
    }

    /// Demotes an owner to admin once another owner exists.
    pub(super) fn step_down(&self, successor: UserId) -> Result<Change, DecideError> {
        let own = self.active(self.actor.id)?.ok_or(Refusal::NotFound)?;
        let has_successor = match self.member(successor)? {
            Some(member) => self.is_acting_owner(member)?,
            None => false,
        };
        if !own.is_active_owner() || !has_successor || successor == self.actor.id {
            return Err(Refusal::Forbidden.into());
        }
        Ok(self.changed_member(Member { role: Role::Admin, ..own.clone() }))
    }

    pub(super) fn ban(&self, user: UserId) -> Result<Decision, DecideError> {
        let audit = self.or_moderate(self.moderating(user), AuditedAction::Ban(user))?;
        let member = self.moderated(user, audit.is_some())?;
        self.check_owners(&member)?;
        let (status, invited_by) = (MemberStatus::Banned, None);
        let change = self.changed_member(Member { status, invited_by, ..member });
        Ok(Decision { audit, ..change.into() })
    }

    pub(super) fn unban(&self, user: UserId) -> Result<Decision, DecideError> {
        let audit = self.or_moderate(self.moderating(user), AuditedAction::Unban(user))?;
        let member = self.member(user)?;
        let member =
            member.filter(|m| m.status == MemberStatus::Banned).ok_or(Refusal::NotFound)?;
        let status = match self.conversation.conversation.kind {
            ConversationKind::Lobby => MemberStatus::Active,
            ConversationKind::Group | ConversationKind::Direct(_) => MemberStatus::Left,
        };
        let change = self.changed_member(Member { status, ..member.clone() });
        Ok(Decision { audit, ..change.into() })
    }

    pub(super) fn silence(
        &self,
        user: UserId,
        until: Option<Timestamp>,
    ) -> Result<Decision, DecideError> {
        let act = AuditedAction::Silence(user, until);
        let audit = self.or_moderate(self.moderating(user), act)?;
        let member = self.moderated(user, audit.is_some())?;
        if let Some(until) = until {
            super::may_last_until(until, self.now)?;
        }
        let change = self.changed_member(Member { silenced_until: until, ..member });
        Ok(Decision { audit, ..change.into() })
    }

    /// Returns the actor's role in a group that the actor manages.
    pub(super) fn managing_role(&self) -> Result<Role, DecideError> {
        let role = self.role()?;
        if self.is_group() && role >= Role::Admin {
            Ok(role)
        } else {
            Err(Refusal::Forbidden.into())
        }
    }

    /// Checks whether the actor may ban or silence `user` as a group manager.
    fn moderating(&self, user: UserId) -> Result<(), DecideError> {
        let own = self.managing_role()?;
        let member = self.member(user)?.ok_or(Refusal::NotFound)?;
        // The role of a former owner protects no one.
        let is_below = own > member.role || (own == Role::Owner && !member.is_active());
        if is_below { Ok(()) } else { Err(Refusal::Forbidden.into()) }
    }

    /// Returns the row to ban or silence. Refuses the actor's own row and, for a superuser, that
    /// of another superuser.
    fn moderated(&self, user: UserId, as_superuser: bool) -> Result<Member, DecideError> {
        let account = self.facts.account(user)?.ok_or(Refusal::NotFound)?;
        let conversation = &self.conversation.conversation;
        let member = match (self.member(user)?, conversation.kind) {
            (Some(member), _) => member.clone(),
            (None, ConversationKind::Lobby) => {
                Member::first(conversation.id, user, account.username.clone(), Role::Member)
            }
            (None, ConversationKind::Group | ConversationKind::Direct(_)) => {
                return Err(Refusal::NotFound.into());
            }
        };
        if user == self.actor.id || (as_superuser && account.superuser) {
            return Err(Refusal::Forbidden.into());
        }
        Ok(member)
    }

    fn check_account(&self, user: UserId) -> Result<(), DecideError> {
        let is_active = self.facts.account(user)?.is_some_and(|account| account.active);
        if is_active { Ok(()) } else { Err(Refusal::UnknownUser.into()) }
    }

    fn active(&self, user: UserId) -> Result<Option<&Member>, DecideError> {
        Ok(self.member(user)?.filter(|member| member.is_active()))
    }

    /// Refuses to remove the last owner.
    fn check_owners(&self, member: &Member) -> Result<(), DecideError> {
        let is_last = self.is_acting_owner(member)? && self.facts.owners(self.conversation)? <= 1;
        if is_last { Err(Refusal::LastOwner.into()) } else { Ok(()) }
    }

    fn is_acting_owner(&self, member: &Member) -> Result<bool, DecideError> {
        let account = self.facts.account(member.user)?;
        Ok(is_acting_owner(member, account.is_some_and(|account| account.active)))
    }

    fn entering(&self, user: UserId, role: Role) -> Result<Member, DecideError> {
        let account = self.facts.account(user)?.ok_or(Refusal::NotFound)?;
        let before = self.member(user)?;
        let conversation = self.conversation.conversation.id;
        Ok(Member {
            visible_after: self.conversation.head.msg_no,
            view_version: before.map_or(0, |before| before.view_version.saturating_add(1)),
            silenced_until: before.and_then(|before| before.silenced_until),
            ..Member::first(conversation, user, account.username.clone(), role)
        })
    }

    fn leaving(&self, member: &Member) -> Result<Change, DecideError> {
        self.check_owners(member)?;
        let (status, invited_by) = (MemberStatus::Left, None);
        Ok(self.changed_member(Member { status, invited_by, ..member.clone() }))
    }

    fn changed_member(&self, member: Member) -> Change {
        Change::Member(Member { seq_last: self.next_seq(), ..member })
    }
}
