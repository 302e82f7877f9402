//! Fills a database by a few statements.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use domain::{ConversationId, Role, UserId};
use testkit::Fixture;

/// Conversations that the first user has beside the one that is measured.
pub(crate) const OTHERS: usize = 499;

/// How large a conversation is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) messages: i64,
    pub(crate) members: i64,
}

/// A connection that no port knows of.
pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(tokio_postgres::Client),
}

impl Raw {
    pub(crate) fn sqlite(path: &Path) -> Self {
        Self::Sqlite(SqliteConnection::establish(path.to_str().unwrap()).unwrap())
    }

    pub(crate) async fn postgres(url: &str) -> Self {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        Self::Postgres(client)
    }

    pub(crate) async fn run(&mut self, sql: &str) {
        match self {
            Self::Sqlite(connection) => connection.batch_execute(sql).unwrap(),
            Self::Postgres(client) => client.batch_execute(sql).await.unwrap(),
        }
    }

    /// In the words of the dialect.
    fn words(&self) -> [(&'static str, &'static str); 4] {
        match self {
            Self::Sqlite(_) => [
                ("{yes}", "1"),
                ("{no}", "0"),
                ("{name}", "randomblob(16)"),
                ("{hash}", "zeroblob(32)"),
            ],
            Self::Postgres(_) => [
                ("{yes}", "true"),
                ("{no}", "false"),
                ("{name}", "decode(md5(random()::text || i), 'hex')"),
                ("{hash}", "sha256('x')"),
            ],
        }
    }
}

/// Users 1 to `members`.
const ACCOUNTS: &str = "
    with recursive n (i) as (select 1 union all select i + 1 from n where i < {members})
    insert into accounts (username, password, active, superuser, valid_from, auth_version, created_at)
    select 'user' || i, 'x', {yes}, {no}, 0, 0, 0 from n;
";

/// Everybody has read all but the last ten.
const MESSAGES: &str = "
    with recursive n (i) as (select 1 union all select i + 1 from n where i < {messages})
    insert into messages (conversation_id, msg_no, seq_created, seq_last, author_id, client_id,
        first_hash, body, created_at)
    select {room}, i, i, i, 1 + i % 10, {name}, {hash},
        'A sentence of about as many words as people write when they talk to each other. ' || i, i
    from n;
    insert into mentions (conversation_id, msg_no, user_id)
    select {room}, msg_no, 1 from messages where conversation_id = {room} and msg_no % 50 = 0;
    update conversation_heads set seq = {messages}, msg_no = {messages}, last_at = {messages}
    where conversation_id = {room};
    update members set read_no = {messages} - 10 where conversation_id = {room};
";

/// One large conversation, and some small ones of its first member.
pub(crate) async fn fill(stores: &Fixture, raw: &mut Raw, size: Size) -> ConversationId {
    say(raw, &[("{members}", size.members.to_string())], ACCOUNTS).await;
    let members: Vec<_> =
        (1..=size.members).map(|user| (UserId::new(user), Role::Member)).collect();
    let owner = [(UserId::new(1), Role::Owner)];
    let members: Vec<_> = owner.iter().copied().chain(members.into_iter().skip(1)).collect();
    let few: Vec<_> = members.iter().copied().take(10).collect();
    let room = stores.group(&members).await;
    talk(raw, room, size.messages).await;
    for _ in 0..OTHERS {
        let other = stores.group(&few).await;
        talk(raw, other, 20).await;
    }
    if let Raw::Postgres(_) = raw {
        // As the server does by itself a minute later.
        raw.run("vacuum analyze").await;
    }
    room
}

async fn talk(raw: &mut Raw, room: ConversationId, messages: i64) {
    let values = [("{room}", room.get().to_string()), ("{messages}", messages.to_string())];
    say(raw, &values, MESSAGES).await;
}

async fn say(raw: &mut Raw, values: &[(&str, String)], sql: &str) {
    let sql = values.iter().fold(sql.to_owned(), |sql, (name, value)| sql.replace(name, value));
    let sql = raw.words().iter().fold(sql, |sql, (name, word)| sql.replace(name, word));
    raw.run(&sql).await;
}
