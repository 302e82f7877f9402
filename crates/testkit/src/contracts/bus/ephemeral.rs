//! Showing what is over in a moment.

use application::ports::{Bus, BusEvent};
use domain::{ConversationId, EphemeralEvent, EphemeralKind, MsgNo, UserId};
use tokio::time::timeout;

use super::hinting::{ELSEWHERE, HERE, Nodes, change, hear, listening};
use crate::PATIENCE;
use crate::values::username;

fn signal(conversation: ConversationId, kind: EphemeralKind) -> EphemeralEvent {
    EphemeralEvent { conversation, user: UserId::new(1), username: username("ada"), kind }
}

/// The next thing that is shown.
async fn shown(node: &dyn Bus) -> EphemeralEvent {
    let looking = async {
        loop {
            if let BusEvent::Ephemeral(signal) = node.next().await {
                return signal;
            }
        }
    };
    timeout(PATIENCE, looking).await.expect("nothing was shown")
}

/// Of any kind, and no other conversation; whoever shows it is not shown it.
pub async fn every_other_node_that_asked_is_shown_it(nodes: Nodes) {
    for (to, from) in [(0, 1), (1, 0), (2, 0)] {
        listening(&*nodes[to], &*nodes[from], HERE).await;
    }
    let [typing, read] = [EphemeralKind::Typing, EphemeralKind::Receipt(MsgNo::new(7))]
        .map(|kind| signal(HERE, kind));

    nodes[0].publish_ephemeral(&signal(ELSEWHERE, EphemeralKind::Typing)).await;
    nodes[0].publish_ephemeral(&typing).await;
    nodes[1].publish_ephemeral(&read).await;

    assert_eq!(shown(&*nodes[0]).await, read);
    assert_eq!(shown(&*nodes[1]).await, typing);
    let mut both = [shown(&*nodes[2]).await, shown(&*nodes[2]).await];
    both.sort_by_key(|signal| signal.kind != EphemeralKind::Typing);
    assert_eq!(both, [typing, read]);
}

/// However many are shown, no hint is lost for it.
pub async fn signals_give_way_to_hints(nodes: Nodes) {
    listening(&*nodes[1], &*nodes[0], HERE).await;
    let typing = signal(HERE, EphemeralKind::Typing);

    for _ in 0..5_000 {
        nodes[0].publish_ephemeral(&typing).await;
    }
    nodes[0].publish(&[change(HERE, 1)]).await;

    assert_eq!(hear(&*nodes[1], 1).await, [change(HERE, 1)]);
}
