//! Refused starts: each prints one sentence and sets the exit status. Warnings come before it.

#[path = "support/program.rs"]
mod program;

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
};

use program::{Ended, Folder};

const KEY: &str = "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe";
const ANY_PORT: (&str, &str) = ("CHAT__HTTP__BIND", "127.0.0.1:0");

fn assert_refused(ended: &Ended, want: &str) {
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.starts_with(&format!("online-chat: {want}")), "{}", ended.stderr);
}

#[test]
fn a_port_in_use_is_refused() {
    let folder = Folder::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();

    let ended = folder.run(&["serve"], &[("CHAT__HTTP__BIND", &address)]);

    assert_refused(&ended, &format!("{address} is in use by another program"));
}

#[test]
fn a_second_server_on_the_same_database_is_refused() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("data")).unwrap();
    let lock = File::create(folder.path().join("data/chat.sqlite3.lock")).unwrap();
    lock.try_lock().unwrap();

    let ended = folder.run(&["serve"], &[ANY_PORT]);

    assert_refused(&ended, "another server is running on the database data/chat.sqlite3");
}

#[test]
fn an_unreachable_database_is_named_without_its_password() {
    let env =
        [("DATABASE_URL", "postgres://chat:hunter2@127.0.0.1:1/chat"), ("CHAT__AUTH__SECRET", KEY)];
    for command in ["serve", "migrate"] {
        let ended = Folder::new().run(&[command], &[env[0], env[1], ANY_PORT]);

        assert_refused(&ended, "the database 127.0.0.1:1/chat cannot be reached");
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
}

#[test]
fn a_data_folder_that_cannot_be_created_is_refused() {
    let folder = Folder::new();
    fs::write(folder.path().join("file"), "").unwrap();

    let ended = folder.run(&["serve"], &[ANY_PORT, ("CHAT__DATA_DIR", "file/data")]);

    assert_refused(&ended, "the data folder file/data cannot be made");
}

#[test]
fn a_data_folder_that_cannot_be_written_to_is_refused() {
    let folder = Folder::new();

    let ended = folder.run(&["serve"], &[ANY_PORT, ("CHAT__DATA_DIR", "/proc/self")]);

    assert_refused(&ended, "the data folder /proc/self cannot be written to");
}

#[test]
fn a_signing_key_that_others_may_read_is_refused() {
    let folder = Folder::new();
    let secret = folder.path().join("data/secret");
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(&secret, KEY).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();

    let ended = folder.run(&["serve"], &[ANY_PORT]);

    assert_refused(&ended, "data/secret holds the signing key, and others may open it (mode 0644)");
}

#[test]
fn exposed_secrets_are_warned_about() {
    let folder = Folder::new();
    let env_file = folder.path().join(".env");
    let database = "DATABASE_URL=postgres://chat:hunter2@db.example.com/chat?sslmode=";
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = port.local_addr().unwrap().to_string();
    // The server ends before it connects to the database.
    let env = [("CHAT__HTTP__BIND", taken.as_str()), ("CHAT__AUTH__SECRET", KEY)];

    for (ssl_mode, file_mode, want) in [("require", 0o640, 2), ("verify-full", 0o600, 0)] {
        fs::write(&env_file, format!("{database}{ssl_mode}")).unwrap();
        fs::set_permissions(&env_file, fs::Permissions::from_mode(file_mode)).unwrap();

        let Ended { status, stderr, .. } = folder.run(&["serve"], &env);

        assert_eq!(status, Some(1), "{stderr}");
        assert_eq!(stderr.matches(" WARN ").count(), want, "{stderr}");
        assert_eq!(stderr.contains("add sslmode=verify-full"), want > 0, "{stderr}");
        assert_eq!(stderr.contains("others may open .env (mode 0640)"), want > 0, "{stderr}");
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
}

#[test]
fn an_unknown_command_is_refused() {
    let ended = Folder::new().run(&["runserver"], &[]);

    assert_eq!(ended.status, Some(2));
    assert!(ended.stderr.contains("runserver"), "{}", ended.stderr);
}
