//! Restoring a database with the commands of `docs/operations.md`.

use std::{env, process::Command};

use crate::support::{
    database::{Database, server_url},
    program::Folder,
    server::Server,
    user::PASSWORD,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_dump_restores_over_a_newer_database() {
    let dump = guide("| PostgreSQL | `", "`");
    let restore = guide("the chat connects as:\n\n```sh\n", "```");

    assert_restored(dump, restore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_dump_restores_over_a_newer_database_in_compose() {
    let dump = guide("In compose, to back up:\n\n```sh\n", "```");
    let restore = guide("stop web web2 web3\n", "docker compose run");
    // There, user and database are called `chat`.
    let here = |commands: &str| {
        commands
            .replace("docker compose exec --no-TTY db ", "")
            .replace("=chat ", "=\"$DATABASE_USER\" ")
            .replace("--dbname=\"$DATABASE_USER\"", "--dbname=\"$DATABASE_NAME\"")
            .replace(" chat\n", " \"$DATABASE_NAME\"\n")
            .replace(" chat > ", " \"$DATABASE_NAME\" > ")
    };

    assert_restored(&here(dump), &here(restore)).await;
}

/// The text of the guide between these.
fn guide(start: &str, end: &str) -> &'static str {
    let page = include_str!("../../docs/operations.md");
    let rest = page.split_once(start).unwrap_or_else(|| panic!("the guide lacks {start:?}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("{end:?} does not follow {start:?}")).0
}

async fn assert_restored(dump: &str, restore: &str) {
    let database = Database::create().await;
    let mut server = Server::start(&[("DATABASE_URL", database.url())]).await;
    let ann = server.register("ann").await;
    let mut socket = ann.socket().await;
    socket.send_and_confirm("before").await.unwrap();
    let folder = server.folder().clone();
    run(&folder, &database, dump);
    socket.send_and_confirm("after").await.unwrap();
    server.register("bob").await;
    server.signal("TERM");
    assert!(server.ended().await.success(), "{}", server.log());
    // A later version was here.
    let later = "create table later (message_id bigint references messages (id)); \
                 insert into later select id from messages; \
                 insert into __diesel_schema_migrations (version) values ('99991231000000')";
    database.connect().await.batch_execute(later).await.unwrap();

    run(&folder, &database, restore);

    let epoch = folder.run(&["new-epoch"], &server.env());
    assert_eq!(epoch.status, Some(0), "{}", epoch.stderr);
    let server = server.restart().await;
    assert!(!server.log().contains("newer"), "{}", server.log());
    let ann = server.sign_in("ann", PASSWORD).await;
    ann.socket().await.send_and_confirm("again").await.unwrap();
    let texts: Vec<_> = ann.messages().await.iter().map(|m| m["content"].clone()).collect();
    assert_eq!(texts, ["before", "again"]);
    let left = "select count(*) from pg_tables where tablename = 'later'";
    let left: i64 = database.connect().await.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}

/// Runs lines of the guide, with a role that may create databases.
fn run(folder: &Folder, database: &Database, commands: &str) {
    let url = url::Url::parse(database.url()).unwrap();
    let port = url.port().unwrap_or(5432).to_string();
    let mut shell = Command::new("sh");
    shell.args(["-ec", commands]).env_clear().env("PATH", env::var("PATH").unwrap());
    shell.envs([
        ("ADMIN_URL", server_url().as_str()),
        ("DATABASE_URL", database.url()),
        ("DATABASE_NAME", database.name()),
        ("DATABASE_USER", url.username()),
        // As if on the machine of the database.
        ("PGHOST", url.host_str().unwrap()),
        ("PGPORT", &port),
        ("PGPASSWORD", url.password().unwrap_or_default()),
    ]);
    let ended = folder.run_command(shell);
    assert_eq!(ended.status, Some(0), "{commands}\n{}", ended.stderr);
}
