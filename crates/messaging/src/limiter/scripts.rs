//! The rules of [`Quota`] and [`Backoff`] as Lua scripts, each atomic.
//!
//! Lua's numbers are exact up to 2^53, which is enough for microseconds until the year 2255.

use std::sync::LazyLock;
use std::time::Duration;

use application::ports::{Backoff, CLOCK_SLACK, HeldCount, NodeId, Quota};
use domain::Timestamp;
use redis::aio::ConnectionLike;
use redis::{FromRedisValue, RedisResult, Script};

use crate::rosters;

const TAKE: &str = r"
local now, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local slack, least, want = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local latest = now + interval * burst
local full_at = tonumber(redis.call('GET', KEYS[1]) or now)
if full_at > latest + slack or full_at < now then full_at = now end
local given = math.min(want, math.floor((latest - full_at) / interval))
if given < least then return {0, full_at + interval * least - latest} end
full_at = full_at + given * interval
local ttl = math.ceil((full_at - now + slack) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', string.format('%.0f', ttl))
return {given, 0}
";

const GIVE_BACK: &str = r"
local now, interval, slack = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = tonumber(redis.call('GET', KEYS[1]) or now) - interval
if full_at <= now then return redis.call('DEL', KEYS[1]) end
local ttl = math.ceil((full_at - now + slack) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', string.format('%.0f', ttl))
return 0
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

// A hash of node -> "count version", where `version` orders what a node reports. An
// entry counts while the node's roster lease exists, unless it is older than
// the version from which the node declared its reports valid.
const HOLD: &str = r"
local node, count, version, valid_from = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local known = redis.call('HGET', KEYS[1], node)
if not known or tonumber(string.match(known, '%d+$')) < version then
  redis.call('HSET', KEYS[1], node, ARGV[2] .. ' ' .. ARGV[3])
end
redis.call('SET', ARGV[6] .. node, valid_from, 'EX', 86400)
local others = 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local other = all[i]
  if other ~= node and redis.call('EXISTS', ARGV[5] .. other) == 1 then
    local held, at = string.match(all[i + 1], '^(%d+) (%d+)$')
    local valid = tonumber(redis.call('GET', ARGV[6] .. other) or 0)
    if tonumber(at) >= valid then others = others + tonumber(held) end
  end
end
redis.call('EXPIRE', KEYS[1], (count + others > 0) and 86400 or 60)
return others
";
const VALID_FROM_PREFIX: &str = "chat:limit:valid-from:";

static TAKE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(TAKE));
static GIVE_BACK_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(GIVE_BACK));
static ATTEMPT_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(ATTEMPT));
static HOLD_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(HOLD));
static FORGET_SCRIPT: LazyLock<Script> =
    LazyLock::new(|| Script::new("return redis.call('DEL', KEYS[1])"));

/// One script with its arguments, which takes one round trip.
pub(super) struct Request {
    script: &'static Script,
    key: String,
    arguments: Vec<String>,
}

/// Answers how many tokens were taken, at least `least` and at most `more` beyond them; if none,
/// the microseconds until `least` are there.
pub(super) fn take(
    key: String,
    quota: Quota,
    (least, more): (u32, u32),
    now: Timestamp,
) -> Request {
    let arguments = [
        now.micros().to_string(),
        micros(quota.interval()),
        quota.burst().to_string(),
        micros(CLOCK_SLACK),
        least.to_string(),
        least.saturating_add(more).saturating_sub(1).to_string(),
    ];
    Request { script: &TAKE_SCRIPT, key, arguments: arguments.into() }
}

pub(super) fn give_back(key: String, quota: Quota, now: Timestamp) -> Request {
    let arguments = [now.micros().to_string(), micros(quota.interval()), micros(CLOCK_SLACK)];
    Request { script: &GIVE_BACK_SCRIPT, key, arguments: arguments.into() }
}

/// Answers the microseconds to wait, or 0 if the attempt was counted.
pub(super) fn attempt(key: String, backoff: Backoff, now: Timestamp) -> Request {
    let arguments = [
        now.micros().to_string(),
        backoff.free.max(1).to_string(),
        micros(Backoff::FIRST),
        micros(backoff.longest),
        micros(backoff.forgotten_after),
        micros(CLOCK_SLACK),
    ];
    Request { script: &ATTEMPT_SCRIPT, key, arguments: arguments.into() }
}

/// Answers how much the other nodes hold.
pub(super) fn hold(key: String, node: NodeId, held: HeldCount, valid_from: u64) -> Request {
    let arguments = [
        rosters::node_key(node),
        held.count.to_string(),
        held.version.to_string(),
        valid_from.to_string(),
        rosters::LEASE_PREFIX.to_owned(),
        VALID_FROM_PREFIX.to_owned(),
    ];
    Request { script: &HOLD_SCRIPT, key, arguments: arguments.into() }
}

pub(super) fn forget(key: String) -> Request {
    Request { script: &FORGET_SCRIPT, key, arguments: Vec::new() }
}

impl Request {
    pub(super) async fn send<T: FromRedisValue>(
        &self,
        connection: &mut (impl ConnectionLike + Send),
    ) -> RedisResult<T> {
        let mut invocation = self.script.key(&self.key);
        for argument in &self.arguments {
            invocation.arg(argument);
        }
        invocation.invoke_async(connection).await
    }
}

fn micros(span: Duration) -> String {
    span.as_micros().to_string()
}
