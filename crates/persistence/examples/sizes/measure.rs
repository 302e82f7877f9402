//! Measures everything in turns, so that what else the machine does meets all alike.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use application::ports::{First, PageRange};
use domain::{Action, ConversationId, MsgNo, Role, Seq, UserId};
use testkit::Fixture;
use testkit::values::{intent, send};

use crate::fill::{OTHERS, Size};

/// So often is everything measured, after a tenth of that to warm up.
const ROUNDS: usize = 300;

/// The same thing, in each of the sizes, in µs.
pub(crate) type Medians = [f64; 3];

/// What is measured.
pub(crate) struct Room {
    pub(crate) stores: Fixture,
    pub(crate) id: ConversationId,
    pub(crate) size: Size,
}

const WHAT: [&str; 7] = [
    "the newest page of 50",
    "a page of 50 in the middle",
    "50 changes",
    "a page of 10 members",
    "opening a socket with 500 conversations",
    "sending a message",
    "giving somebody another role",
];

pub(crate) async fn all(rooms: &[Room]) -> Vec<(&'static str, Medians)> {
    let mut medians = Vec::new();
    for what in WHAT {
        let mut taken = [(); 3].map(|()| Vec::with_capacity(ROUNDS));
        for round in 0..ROUNDS + ROUNDS / 10 {
            // Each comes first as often as the others.
            for turn in 0..rooms.len() {
                let at = (round + turn) % rooms.len();
                let (Some(room), Some(taken)) = (rooms.get(at), taken.get_mut(at)) else {
                    continue;
                };
                let start = Instant::now();
                room.use_once(what).await;
                if round >= ROUNDS / 10 {
                    taken.push(start.elapsed().as_secs_f64() * 1e6);
                }
            }
        }
        medians.push((what, taken.map(median)));
    }
    medians
}

fn median(mut taken: Vec<f64>) -> f64 {
    taken.sort_by(f64::total_cmp);
    taken.get(taken.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Room {
    async fn use_once(&self, what: &str) {
        let stores = &*self.stores.conversations;
        let newest = PageRange { after: MsgNo::ZERO, before: None, first: First::Newest };
        let middle = Some(MsgNo::new(self.size.messages / 2));
        let found = match what {
            "the newest page of 50" => {
                stores.page(self.id, newest, 50).await.unwrap().messages.len()
            }
            "a page of 50 in the middle" => {
                let range = PageRange { before: middle, ..newest };
                stores.page(self.id, range, 50).await.unwrap().messages.len()
            }
            "50 changes" => {
                let since = Seq::new(self.size.messages - 50);
                stores.changes_since(self.id, since, 50).await.unwrap().changes.len()
            }
            "a page of 10 members" => stores.members(self.id, None, 10).await.unwrap().len() + 40,
            "opening a socket with 500 conversations" => self.open().await,
            "sending a message" => self.send().await,
            "giving somebody another role" => self.set_role().await,
            other => panic!("nothing: {other}"),
        };
        assert!(found >= 50, "{what} found {found}");
    }

    /// The list, as the greeting shows it, and where everything in it stands.
    async fn open(&self) -> usize {
        let inbox = &self.stores.inbox;
        let user = UserId::new(1);
        let page = inbox.conversations(user, None, 501).await.unwrap();
        let ids: Vec<_> = page.entries.iter().map(|entry| entry.conversation.id).collect();
        assert_eq!(ids.len(), OTHERS + 2, "with the lobby");
        inbox.blocked_by(user).await.unwrap();
        self.stores.conversations.heads(&ids).await.unwrap().heads.len()
    }

    async fn send(&self) -> usize {
        static NAME: AtomicU64 = AtomicU64::new(1);
        let name = NAME.fetch_add(1, Ordering::Relaxed);
        let wish = send(self.id, UserId::new(2), name.into(), "as one says it @user1");
        self.stores.message(wish).await;
        50
    }

    async fn set_role(&self) -> usize {
        let action = Action::SetRole { user: UserId::new(3), role: Role::Member };
        self.stores.one(intent(self.id, UserId::new(1), action)).await.unwrap();
        50
    }
}
