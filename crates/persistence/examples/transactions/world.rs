//! Who talks where, and what is said.

use domain::{ConversationId, Intent, Role, UserId};
use testkit::Fixture;
use testkit::values::send;

const CONVERSATIONS: usize = 64;
const MEMBERS: usize = 4;

/// Groups of a few, each of whom writes in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World {
    groups: Vec<(ConversationId, Vec<UserId>)>,
    said: u128,
}

impl World {
    pub(crate) async fn fill(stores: &Fixture) -> Self {
        let mut groups = Vec::with_capacity(CONVERSATIONS);
        for group in 0..CONVERSATIONS {
            let mut users = Vec::with_capacity(MEMBERS);
            for member in 0..MEMBERS {
                users.push(stores.user(&format!("user_{group}_{member}")).await);
            }
            let roles = [Role::Owner, Role::Member, Role::Member, Role::Member];
            let members: Vec<_> = users.iter().copied().zip(roles).collect();
            groups.push((stores.group(&members).await, users));
        }
        Self { groups, said: 0 }
    }

    /// What comes next: one message for each conversation in turn, and of each from another member.
    pub(crate) fn batch(&mut self, size: usize) -> Vec<Intent> {
        (0..size).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> Intent {
        self.said += 1;
        let turn = usize::try_from(self.said).unwrap();
        let (group, users) = self.groups.get(turn % CONVERSATIONS).unwrap();
        let user = users.get(turn / CONVERSATIONS % MEMBERS).unwrap();
        send(*group, *user, spread(self.said), &text(self.said))
    }
}

/// Spread over the whole range, as random ones are.
fn spread(n: u128) -> u128 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
}

/// 120 bytes, of as many words as people use; some are said often, most seldom.
fn text(n: u128) -> String {
    let word = |place| {
        let random = spread(n * 20 + place) >> 64;
        format!("{:05}", (random % 20_000) >> ((random >> 32) % 12))
    };
    (0..20).map(word).collect::<Vec<_>>().join(" ")
}
