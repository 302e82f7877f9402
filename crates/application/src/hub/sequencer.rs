//! Puts the changes of one conversation in order, and detects gaps.

use std::collections::BTreeMap;

use domain::{Change, Seq};

/// Changes that may wait for an earlier one; dropped ones are read from the store later.
const REORDER_LIMIT: usize = 1024;

/// Tracks how far a conversation was delivered, and holds changes that came early.
///
/// Invariant: everything in `early` lies above `delivered`.
#[derive(Debug)]
pub(super) struct Sequencer {
    delivered: Seq,
    early: BTreeMap<Seq, Change>,
    /// The highest number known to exist.
    known: Seq,
}

impl Sequencer {
    pub(super) fn new(delivered: Seq) -> Self {
        Self { delivered, early: BTreeMap::new(), known: delivered }
    }

    pub(super) fn delivered(&self) -> Seq {
        self.delivered
    }

    /// Accepts changes in any order; ignores duplicates.
    pub(super) fn offer(&mut self, change: Change) {
        let seq = change.seq();
        if seq <= self.delivered {
            return;
        }
        self.known = self.known.max(seq);
        if self.early.len() < REORDER_LIMIT {
            self.early.insert(seq, change);
        }
    }

    /// Records that the conversation has reached `head`.
    pub(super) fn learn(&mut self, head: Seq) {
        self.known = self.known.max(head);
    }

    /// Returns the changes that are next in order, and counts them as delivered.
    pub(super) fn ready(&mut self) -> Vec<Change> {
        let mut ready = Vec::new();
        while let Some(change) = self.early.remove(&self.delivered.next()) {
            self.delivered = self.delivered.next();
            ready.push(change);
        }
        ready
    }

    /// Counts everything after `since` up to `to`, read from the store, as delivered. Returns
    /// whether that advanced. It does not for a read started before a reset, or if the store is
    /// behind an announced head.
    pub(super) fn filled(&mut self, since: Seq, to: Seq) -> bool {
        if since > self.delivered || to <= self.delivered {
            return false;
        }
        self.delivered = to;
        self.known = self.known.max(to);
        self.early = self.early.split_off(&to.next());
        true
    }

    pub(super) fn has_gap(&self) -> bool {
        self.known > self.delivered
    }
}

#[cfg(test)]
mod tests {
    use super::{REORDER_LIMIT, Sequencer};
    use domain::{Change, ConversationId, Member, Role, Seq, UserId, Username};

    fn change(seq: i64) -> Change {
        let username = Username::parse("ann").unwrap();
        let member = Member::first(ConversationId::LOBBY, UserId::new(1), username, Role::Member);
        Change::Member(Member { seq_last: Seq::new(seq), ..member })
    }

    fn ready(sequencer: &mut Sequencer) -> Vec<i64> {
        sequencer.ready().iter().map(|change| change.seq().get()).collect()
    }

    #[test]
    fn changes_leave_once_and_in_order() {
        let mut sequencer = Sequencer::new(Seq::new(10));

        for seq in [12, 11, 9, 11, 14] {
            sequencer.offer(change(seq));
        }

        assert_eq!(ready(&mut sequencer), [11, 12]);
        assert!(sequencer.has_gap());
        sequencer.offer(change(13));
        assert_eq!(ready(&mut sequencer), [13, 14]);
        assert!(!sequencer.has_gap());
    }

    #[test]
    fn changes_read_from_the_store_are_not_delivered_again() {
        let mut sequencer = Sequencer::new(Seq::ZERO);
        for seq in [3, 5, 6] {
            sequencer.offer(change(seq));
        }

        assert!(sequencer.filled(Seq::ZERO, Seq::new(5)));

        assert_eq!(ready(&mut sequencer), [6]);
        assert!(!sequencer.has_gap());
        assert!(!sequencer.filled(Seq::ZERO, Seq::new(6)), "it is not delivered again");
    }

    #[test]
    fn a_read_from_before_a_reset_is_ignored() {
        let mut sequencer = Sequencer::new(Seq::new(3));

        assert!(!sequencer.filled(Seq::new(5), Seq::new(9)));

        sequencer.offer(change(4));
        assert_eq!(ready(&mut sequencer), [4]);
    }

    #[test]
    fn a_head_above_the_delivered_change_is_a_gap() {
        let mut sequencer = Sequencer::new(Seq::new(1));

        sequencer.learn(Seq::new(2));

        assert!(sequencer.has_gap());
        assert!(sequencer.filled(Seq::new(1), Seq::new(2)));
        assert!(!sequencer.has_gap());
    }

    #[test]
    fn early_changes_are_bounded_and_dropped_ones_remain_a_gap() {
        let mut sequencer = Sequencer::new(Seq::ZERO);
        let limit = i64::try_from(REORDER_LIMIT).unwrap();

        for seq in 2..=limit + 10 {
            sequencer.offer(change(seq));
        }
        sequencer.offer(change(1));
        assert!(sequencer.filled(Seq::ZERO, Seq::new(1)));

        assert_eq!(ready(&mut sequencer).len(), REORDER_LIMIT);
        assert!(sequencer.has_gap());
    }
}
