use std::time::Duration;

use domain::Seq;
use tokio::time::Instant;

use super::Heal;
use crate::compat::socket::stamp::{Stamp, Stamps};

/// Milliseconds between two checks.
const TICK: u64 = 50;
const BYTES_PER_SECOND: f64 = 256e3;

/// The way to a client. Times are in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Net {
    round_trip: u64,
    /// Nothing passes in this time.
    stall: (u64, u64),
    /// Bytes per millisecond.
    rate: u64,
    /// Of each history.
    history: u64,
}

const FAST: Net = Net { round_trip: 2, stall: (0, 0), rate: 10_000, history: 10_000 };

/// A client that got its first history at zero.
struct Client {
    net: Net,
    heal: Heal,
    stamps: Stamps,
    began: Instant,
    /// The newest change, which every history contains.
    head: i64,
    /// When the line is free again.
    busy: u64,
    pongs: Vec<(u64, Stamp)>,
    /// The times at which histories were sent.
    histories: Vec<u64>,
    /// The longest time that a frame took to the client.
    longest: u64,
    /// When the newest frame was sent.
    newest: u64,
}

impl Client {
    fn new(net: Net) -> Self {
        let stamps = Stamps::new();
        let (pongs, histories) = (Vec::new(), Vec::new());
        let (heal, began) = (Heal::default(), Instant::now());
        let mut client = Self {
            net,
            heal,
            stamps,
            began,
            head: 0,
            busy: 0,
            pongs,
            histories,
            longest: 0,
            newest: 0,
        };
        client.history(0, 0);
        client.histories.clear();
        client
    }

    fn at(&self, ms: u64) -> Instant {
        self.began + Duration::from_millis(ms)
    }

    /// When this many bytes have arrived.
    fn arrival(&mut self, ms: u64, bytes: u64) -> u64 {
        self.busy = self.busy.max(ms) + bytes / self.net.rate;
        self.passed(self.busy + self.net.round_trip / 2)
    }

    fn passed(&self, ms: u64) -> u64 {
        let (from, to) = self.net.stall;
        if (from..to).contains(&ms) { to } else { ms }
    }

    fn ping(&mut self, ms: u64, bytes: u64) -> Stamp {
        let stamp = self.stamps.next(self.at(ms));
        let arrival = self.arrival(ms, bytes);
        let pong = self.passed(arrival + self.net.round_trip / 2);
        self.pongs.push((pong, stamp));
        stamp
    }

    fn history(&mut self, ms: u64, head: i64) {
        let bytes = self.net.history;
        let pings = [self.ping(ms, 0), self.ping(ms, bytes)];
        let (bytes, now) = (usize::try_from(bytes).unwrap(), self.at(ms));
        self.heal.history_sent(Seq::new(head), bytes, pings, now);
        self.heal.pay(bytes, BYTES_PER_SECOND, now);
        self.histories.push(ms);
    }

    fn frames(&mut self, ms: u64, count: usize) {
        let now = self.at(ms);
        if self.heal.is_ping_due(now) {
            self.ping(ms, 300);
            self.heal.pinged(now);
        }
        let took = self.arrival(ms, 300) - ms;
        self.longest = self.longest.max(took);
        self.heal.sent(count, false, now);
        self.newest = ms;
    }

    fn tick(&mut self, ms: u64) {
        let now = self.at(ms);
        let (due, later) = self.pongs.iter().partition::<Vec<_>, _>(|(pong, _)| *pong <= ms);
        self.pongs = later;
        for (pong, stamp) in due {
            let (stamp, sent) = self.stamps.read(&stamp.payload()).unwrap();
            self.heal.pong(stamp, sent, self.at(pong));
        }
        if self.heal.request(now) {
            self.history(ms, self.head);
        }
    }

    /// Frames at these times.
    fn run(&mut self, frames: &[(u64, usize)], until: u64) {
        for ms in (0..until).step_by(usize::try_from(TICK).unwrap()) {
            for (at, count) in frames {
                if (ms..ms + TICK).contains(at) {
                    self.frames(*at, *count);
                }
            }
            self.tick(ms + TICK);
        }
    }
}

/// The times of the histories after the first, for frames at these times.
fn histories(net: Net, frames: &[(u64, usize)]) -> Vec<u64> {
    let mut client = Client::new(net);
    client.run(frames, 60_000);
    client.histories
}

fn every(step: u64, from: u64, to: u64) -> Vec<(u64, usize)> {
    let step = usize::try_from(step).unwrap();
    (from..=to).step_by(step).map(|ms| (ms, 1)).collect()
}

#[test]
fn a_burst_is_healed_once_it_is_quiet() {
    assert!(histories(FAST, &[(1000, 1)]).is_empty());
    assert_eq!(histories(FAST, &[(1000, 2)]), [1300]);
    assert_eq!(histories(FAST, &[(1000, 1), (1200, 1), (1400, 1)]), [1700]);
    assert!(histories(FAST, &[(1000, 1), (1250, 1), (1500, 1)]).is_empty());
}

#[test]
fn frames_close_to_a_history_count_as_a_burst() {
    assert_eq!(histories(FAST, &[(1000, 2), (1450, 1)]), [1300, 1750]);
    assert_eq!(histories(FAST, &[(1000, 2), (1550, 1)]), [1300]);
    let far = Net { round_trip: 600, ..FAST };
    assert_eq!(histories(far, &[(1000, 2), (1600, 1)]), [1300]);
    let slow = Net { rate: 20, ..FAST };
    assert_eq!(histories(slow, &[(1000, 2), (1800, 1)]), [1500, 2300]);
}

#[test]
fn unbroken_traffic_is_healed_every_five_seconds_and_at_its_end() {
    assert_eq!(histories(FAST, &every(100, 1000, 12_900)), [6100, 11_100, 13_200]);
}

#[test]
fn no_history_is_sent_while_one_is_undelivered() {
    let far = Net { round_trip: 2000, ..FAST };
    assert_eq!(histories(far, &[(3000, 2), (3600, 2)]), [3300, 5350]);
    let silent = Net { round_trip: 1_000_000, ..FAST };
    assert!(histories(silent, &[(3000, 2)]).is_empty());
}

#[test]
fn a_change_during_or_soon_after_a_history_is_healed() {
    let far = Net { round_trip: 600, ..FAST };
    for (change, want) in [(300, vec![650]), (4000, vec![4300]), (6000, vec![])] {
        let mut client = Client::new(far);
        for ms in (0..9_000).step_by(50) {
            if ms == change {
                client.head = 1;
                client.heal.changed_by_user(Seq::new(1), false, client.at(ms));
            }
            client.tick(ms + TICK);
        }
        assert_eq!(client.histories, want, "a change at {change}");
    }
}

#[test]
fn a_change_in_another_tab_is_always_healed() {
    let mut client = Client::new(FAST);
    client.tick(20_000);
    client.heal.changed_by_user(Seq::new(1), true, client.at(20_000));
    assert!(client.heal.request(client.at(20_300)));
}

#[test]
fn a_history_without_the_newest_change_is_followed_by_another() {
    let mut client = Client::new(FAST);
    client.tick(20_000);
    client.heal.changed_by_user(Seq::new(7), false, client.at(20_000));
    client.history(20_000, 6);
    client.tick(20_050);
    assert!(client.heal.request(client.at(20_300)));
    client.history(20_300, 7);
    client.tick(20_350);
    assert!(!client.heal.request(client.at(30_000)));
}

#[test]
fn frames_that_a_stall_kept_back_are_healed_within_seconds() {
    for round_trip in [2, 60, 150, 300] {
        for length in [2000, 5000, 12_000] {
            for step in (100..=1500).step_by(23) {
                let start = 20_000 + step * 7 % 1500;
                let stall = (start, start + length);
                let mut client = Client::new(Net { round_trip, stall, ..FAST });
                client.run(&every(step, 1000, start + length - 100), start + length + 3000);

                let case = format!("{round_trip} {length} {step}: {:?}", client.histories);
                let last = *client.histories.last().unwrap_or_else(|| panic!("{case}"));
                assert!(last > client.newest && last <= start + length + 1000, "{case}");
            }
        }
    }
}

#[test]
fn unbroken_traffic_is_healed_soon_after_a_stall() {
    let stall = (20_100, 22_100);
    let mut client = Client::new(Net { round_trip: 60, stall, ..FAST });
    client.run(&every(125, 1000, 40_000), 40_000);

    let after = client.histories.iter().find(|history| **history >= stall.1);
    assert!(after.is_some_and(|after| *after < stall.1 + 1500), "{:?}", client.histories);
}

#[test]
fn a_slow_line_is_not_choked_by_unbroken_traffic() {
    // 1.6 Mbit/s.
    let slow = Net { round_trip: 60, rate: 200, ..FAST };
    for history in [30_000, 150_000, 1_000_000] {
        let mut client = Client::new(Net { history, ..slow });
        let first = history / slow.rate + 1000;
        let mut frames = every(125, first, first + 60_000);
        // A pause that is shorter than a long history takes.
        frames.retain(|(ms, _)| !(first + 20_100..first + 20_400).contains(ms));
        client.run(&frames, first + 70_000);

        let during = client.histories.iter().filter(|ms| **ms < first + 60_000).count();
        assert!(client.longest < 1000, "{history}: {} ms", client.longest);
        assert_eq!(client.histories.len() - during, 1, "{history}: {:?}", client.histories);
    }
}

#[test]
fn larger_histories_are_rarer() {
    let bursts: Vec<_> = (1..50).map(|n| (n * 1000, 2)).collect();
    let count = |history| histories(Net { history, ..FAST }, &bursts).len();

    let counts = [10_000, 1_000_000, 4_000_000].map(count);

    assert_eq!(counts[0], 49);
    assert!(counts[1] > 10 && counts[1] < 20 && counts[2] > 1 && counts[2] < 6, "{counts:?}");
}

#[test]
fn pongs_that_the_server_did_not_read_are_not_late() {
    for (is_read, want) in [(true, 1), (false, 0)] {
        let stall = (20_000, 23_000);
        let mut client = Client::new(Net { stall, ..FAST });
        client.run(&every(1000, 1000, 21_000), 22_950);
        if !is_read {
            client.heal.note_read_pause(client.at(22_950));
        }
        client.tick(23_050);
        client.tick(23_400);
        assert_eq!(client.histories.len(), want, "{is_read}");
    }
}
