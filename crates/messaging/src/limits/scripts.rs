//! The rules of [`Quota`] and [`Backoff`], each as one step of Redis.
//!
//! Lua's numbers are exact up to 2^53: microseconds until the year 2255.

use std::time::Duration;

use application::ports::{Backoff, CLOCK_SLACK, HeldCount, NodeId, Quota};
use domain::Timestamp;
use redis::aio::ConnectionLike;
use redis::{Cmd, FromRedisValue, RedisResult, Script, ScriptInvocation, cmd};

use crate::rosters;

const TAKE: &str = r"
local now, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local slack, want = tonumber(ARGV[4]), tonumber(ARGV[5])
local latest = now + interval * burst
local full_at = tonumber(redis.call('GET', KEYS[1]) or now)
if full_at > latest + slack or full_at < now then full_at = now end
local given = math.min(want, math.floor((latest - full_at) / interval))
if given < 1 then return {0, full_at + interval - latest} end
full_at = full_at + given * interval
local ttl = math.ceil((full_at - now + slack) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', string.format('%.0f', ttl))
return {given, 0}
";

const ATTEMPT: &str = r"
local now, free, first = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local longest, forgotten_after, slack = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local known = redis.call('HMGET', KEYS[1], 'count', 'next_at')
local count, next_at = tonumber(known[1] or 0), tonumber(known[2] or 0)
if next_at + forgotten_after <= now or next_at > now + longest + slack then
  count = 0
elseif next_at > now then
  return next_at - now
end
count = count + 1
local wait = 0
if count >= free then wait = math.min(longest, first * 2 ^ (count - free)) end
next_at = string.format('%.0f', now + wait)
local ttl = math.ceil((wait + forgotten_after + slack) / 1000)
redis.call('HSET', KEYS[1], 'count', string.format('%.0f', count), 'next_at', next_at)
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ttl))
return 0
";

// Of each node: how much, and when it said so in its own count. It counts while
// the node's roster is there, and unless the node has made it void.
const HOLD: &str = r"
local node, count, turn, since = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local said = redis.call('HGET', KEYS[1], node)
if not said or tonumber(string.match(said, '%d+$')) < turn then
  redis.call('HSET', KEYS[1], node, ARGV[2] .. ' ' .. ARGV[3])
end
redis.call('SET', ARGV[6] .. node, since, 'EX', 86400)
local others = 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local other = all[i]
  if other ~= node and redis.call('EXISTS', ARGV[5] .. other) == 1 then
    local much, at = string.match(all[i + 1], '^(%d+) (%d+)$')
    local valid = tonumber(redis.call('GET', ARGV[6] .. other) or 0)
    if tonumber(at) >= valid then others = others + tonumber(much) end
  end
end
redis.call('EXPIRE', KEYS[1], (count + others > 0) and 86400 or 60)
return others
";
/// Where a node says since which turn it was heard.
const SINCE: &str = "chat:limit:since:";

/// The scripts, by their digests.
#[derive(Debug)]
pub(super) struct Scripts {
    take: Script,
    attempt: Script,
    hold: Script,
}

/// One round trip.
pub(super) enum Step {
    Script(Script, Vec<String>, String),
    Command(Cmd),
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self { take: Script::new(TAKE), attempt: Script::new(ATTEMPT), hold: Script::new(HOLD) }
    }

    /// Gives how many were taken of `want`, and how long to wait for one.
    pub(super) fn take(&self, key: &str, quota: Quota, want: u32, now: Timestamp) -> Step {
        let arguments = [
            now.micros().to_string(),
            micros(quota.interval()),
            quota.burst().to_string(),
            micros(CLOCK_SLACK),
            want.to_string(),
        ];
        Step::Script(self.take.clone(), arguments.into(), key.to_owned())
    }

    /// Gives how long to wait; 0 when the attempt was counted.
    pub(super) fn attempt(&self, key: &str, backoff: Backoff, now: Timestamp) -> Step {
        let arguments = [
            now.micros().to_string(),
            backoff.free.max(1).to_string(),
            micros(Backoff::FIRST),
            micros(backoff.longest),
            micros(backoff.forgotten_after),
            micros(CLOCK_SLACK),
        ];
        Step::Script(self.attempt.clone(), arguments.into(), key.to_owned())
    }

    /// Gives how much others hold.
    pub(super) fn hold(&self, key: &str, node: NodeId, held: HeldCount, since: u64) -> Step {
        let arguments = [
            rosters::name(node),
            held.count.to_string(),
            held.turn.to_string(),
            since.to_string(),
            rosters::LEASES.to_owned(),
            SINCE.to_owned(),
        ];
        Step::Script(self.hold.clone(), arguments.into(), key.to_owned())
    }

    pub(super) fn forget(key: &str) -> Step {
        Step::Command(cmd("DEL").arg(key).take())
    }
}

impl Step {
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        connection: &mut (impl ConnectionLike + Send),
    ) -> RedisResult<T> {
        match self {
            Self::Script(script, arguments, key) => {
                let mut invocation: ScriptInvocation<'_> = script.prepare_invoke();
                invocation.key(key);
                for argument in arguments {
                    invocation.arg(argument);
                }
                invocation.invoke_async(connection).await
            }
            Self::Command(command) => command.query_async(connection).await,
        }
    }
}

fn micros(span: Duration) -> String {
    span.as_micros().to_string()
}
