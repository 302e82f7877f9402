//! The data folder of a server.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, sync::Arc};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{
    program::{Ended, Folder},
    server::Server,
    small_disk::SmallDisk,
    until,
    user::User,
};

const NO_SECRET: [(&str, &str); 1] = [("CHAT__AUTH__SECRET", "")];

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_secret_creates_one_and_keeps_it() {
    let server = Server::start(&NO_SECRET).await;
    let anna = server.register("anna").await;
    let path = server.folder().path().join("data/secret");
    let secret = fs::read(&path).unwrap();

    let server = server.restart().await;

    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&path).unwrap(), secret);
    assert_eq!(anna.messages().await, Vec::<serde_json::Value>::new());
    assert_eq!(server.refresh(&anna.refresh).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_without_a_secret_do_not_share_one() {
    let one = Server::start(&NO_SECRET).await;
    let other = Server::start(&NO_SECRET).await;
    let anna = one.register("anna").await;

    let answer = other.refresh(&anna.refresh).await;

    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json["code"], "token_not_valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start(&[]).await;
    let anna = server.register("anna").await;

    let second = server.folder().run(&["serve"], &server.env());

    assert_eq!(second.status, Some(1));
    assert_eq!(second.stderr.lines().count(), 1, "{}", second.stderr);
    assert!(second.stderr.contains("another server"), "{}", second.stderr);
    assert!(anna.socket().await.send_and_confirm("still here").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_full_disk_is_refused_in_one_sentence() {
    for kib in [4, 64] {
        let Some(disk) = SmallDisk::of_kib(kib) else { return };

        let folder = Folder::new();

        let mut program = disk.program(&folder);
        program.env("CHAT__HTTP__BIND", "127.0.0.1:0");
        let Ended { status, stderr, .. } = folder.run_command(program);

        assert_eq!(status, Some(1), "{kib} KiB: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{kib} KiB: {stderr}");
        let is_clear = stderr.starts_with("online-chat: ") && stderr.contains(" disk of the da");
        assert!(is_clear, "{kib} KiB: {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_until_there_is_space() {
    let Some(disk) = SmallDisk::of_kib(8 * 1024) else { return };
    let server = Server::start_on_small_disk(disk).await;
    let anna = server.register("anna").await;
    assert_eq!(post(&anna, "before").await, StatusCode::CREATED);

    let (mut stored, refused) = fill(&server, &anna).await;
    stored.insert(0, "before".to_owned());
    let read = anna.messages().await;
    SmallDisk::make_room(&server).unwrap();
    let after = post(&anna, "after").await;

    assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE, "{}", server.log());
    let texts: Vec<_> = read.iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!(texts, stored);
    assert_eq!(after, StatusCode::CREATED, "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_while_the_disk_is_full_is_stored_once_there_is_space() {
    let Some(disk) = SmallDisk::of_kib(8 * 1024) else { return };
    let server = Server::start_on_small_disk(disk).await;
    let anna = server.register("anna").await;
    let mut socket = anna.socket().await;
    fill(&server, &anna).await;

    let text = "waiting ".repeat(1000);
    let tries = || server.log().matches("disk is full").count();
    let before = tries();
    socket.send(&text).await;
    until("the write is retried", || async { (tries() > before).then_some(()) }).await;
    SmallDisk::make_room(&server).unwrap();

    let message = socket.wait_for_message(&text).await;
    let stored = anna.messages().await;
    assert_eq!(stored.iter().filter(|kept| **kept == message).count(), 1);
    assert_eq!(socket.received().end, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_starts_once_the_first_is_gone() {
    let folder = Arc::new(Folder::new());
    let mut first = Server::start_in(Arc::clone(&folder), &[]).await;
    let anna = first.register("anna").await;
    let id = anna.socket().await.send_and_confirm("before the kill").await;
    first.kill().await;

    let second = Server::start_in(folder, &[]).await;

    let anna = second.sign_in("anna", crate::support::user::PASSWORD).await;
    assert_eq!(anna.messages().await[0]["id"].as_i64(), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_keeps_deleted_and_edited_texts() {
    let server = Server::start(&[("CHAT__STORAGE__ERASE_AFTER_S", "1")]).await;
    let anna = server.register("anna").await;
    let mut socket = anna.socket().await;
    let [edited, deleted, long] = ["editedqkwzjv", "deletedxvjqkz", "longzqjwvxkp"];
    // Too long for a page of the database, and for a node of the search index.
    let long_text = format!("{long} ").repeat(4096);
    let ids = [
        socket.send_and_confirm(edited).await.unwrap(),
        socket.send_and_confirm(deleted).await.unwrap(),
        socket.send_and_confirm(&long_text).await.unwrap(),
    ];
    for word in [edited, deleted, long] {
        until("the search finds it", || async {
            let found = anna.v1(Method::GET, &format!("/messages/search?q={word}"), None).await;
            found.json["items"].as_array().is_some_and(|items| !items.is_empty()).then_some(())
        })
        .await;
        assert!(is_in_a_file(&server, word), "{word}");
    }

    anna.edit(ids[0], "harmless").await;
    anna.delete(ids[1]).await;
    anna.delete(ids[2]).await;

    for word in [edited, deleted, long] {
        until(word, || async { (!is_in_a_file(&server, word)).then_some(()) }).await;
    }
    assert_eq!(anna.messages().await[0]["content"], "harmless");
}

/// Whether a file of the data folder holds the word, or its end: the search index shortens the beginning.
fn is_in_a_file(server: &Server, word: &str) -> bool {
    let end = &word.as_bytes()[word.len() - 6..];
    let files = fs::read_dir(server.folder().path().join("data")).unwrap();
    files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .any(|bytes| bytes.windows(end.len()).any(|window| window == end))
}

/// Fills the disk until a message is refused. Returns the stored texts, and the status of the refusal.
async fn fill(server: &Server, user: &User) -> (Vec<String>, StatusCode) {
    SmallDisk::fill(server).unwrap();
    // The files of the database may have free pages left.
    let mut stored = Vec::new();
    for number in 0..1000 {
        let text = format!("{number}{}", "x".repeat(4096));
        match post(user, &text).await {
            StatusCode::CREATED => stored.push(text),
            status => return (stored, status),
        }
    }
    panic!("the disk is not full: {}", server.log());
}

async fn post(user: &User, content: &str) -> StatusCode {
    let body = json!({ "content": content, "author": user.id });
    user.ask(Method::POST, "/chat/api/messages/", Some(&body)).await.status
}

/// `fsync` fails while the file `fail-sync` exists in the working directory.
const FAILING_DISK: &str = r#"
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
int fsync(int fd) {
    if (access("fail-sync", F_OK) == 0) { errno = EIO; return -1; }
    return syscall(SYS_fsync, fd);
}
int fdatasync(int fd) { return fsync(fd); }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_does_not_reach_the_disk_ends_the_server() {
    let folder = Arc::new(Folder::new());
    let (source, library) = (folder.path().join("disk.c"), folder.path().join("disk.so"));
    fs::write(&source, FAILING_DISK).unwrap();
    let mut build = Command::new("cc");
    build.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
    assert!(build.status().unwrap().success());
    let preload = [("LD_PRELOAD", library.to_str().unwrap())];
    let mut server = Server::start_in(Arc::clone(&folder), &preload).await;
    let anna = server.register("anna").await;
    let mut reader = anna.socket().await;
    assert_eq!(post(&anna, "before").await, StatusCode::CREATED);
    reader.wait_for_message("before").await;

    fs::write(folder.path().join("fail-sync"), "").unwrap();
    let refused = post(&anna, "lost").await;

    assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.ended().await.code(), Some(1), "{}", server.log());
    assert!(server.log().contains("the disk failed"), "{}", server.log());
    assert!(reader.received().message("lost").is_none());
    fs::remove_file(folder.path().join("fail-sync")).unwrap();
    let _restarted = server.restart().await;
    assert!(anna.messages().await.iter().any(|message| message["content"] == "before"));
    assert_eq!(post(&anna, "after").await, StatusCode::CREATED);
}
