//! Settings that work but expose secrets to others. The server warns about them at start.

use std::{fs, net::IpAddr, os::unix::fs::PermissionsExt, path::Path};

use url::Url;

use super::{Settings, StorageUrl};

/// One sentence for each exposed secret. `env_file` is the file that settings were read from.
pub(crate) fn warnings(settings: &Settings, env_file: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    if let StorageUrl::Postgres(url) = &settings.storage.url
        && may_be_intercepted(url.expose())
    {
        warnings.push(
            "the database is on another machine, and the connection to it does not check whose certificate it gets: \
             others on the network may read or change everything; add sslmode=verify-full to its URL"
                .to_owned(),
        );
    }
    let mode = fs::metadata(env_file).map_or(0, |file| file.permissions().mode() & 0o7777);
    if mode & 0o077 != 0 {
        let file = env_file.display();
        warnings.push(format!("others may open {file} (mode {mode:04o}); set its mode to 0600"));
    }
    warnings
}

/// Whether a connection leaves this machine without checking the certificate of the server.
fn may_be_intercepted(url: &str) -> bool {
    // The check of the setting refuses an invalid URL.
    let Ok(url) = Url::parse(url) else { return false };
    let values_of = |names: &'static [&str]| {
        url.query_pairs().filter(|(name, _)| names.contains(&name.as_ref())).map(|(_, value)| value)
    };
    let is_verified = values_of(&["sslmode"]).any(|mode| mode == "verify-full");
    let mut hosts =
        url.host_str().into_iter().map(Into::into).chain(values_of(&["host", "hostaddr"]));
    !is_verified && !hosts.all(|hosts| hosts.split(',').all(is_on_this_machine))
}

/// Whether it is a loopback address or the folder of a socket, whose slashes are escaped in a URL.
fn is_on_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.starts_with('/')
        || host.to_ascii_uppercase().starts_with("%2F")
        || address.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::{may_be_intercepted, warnings};
    use crate::settings::Sources;

    #[test]
    fn a_remote_database_is_safe_with_verify_full_only() {
        for mode in ["", "?sslmode=disable", "?sslmode=require", "?sslmode=verify-ca"] {
            assert!(may_be_intercepted(&format!("postgres://u:p@db/chat{mode}")), "{mode}");
        }
        assert!(!may_be_intercepted("postgres://u:p@db/chat?sslrootcert=/ca&sslmode=verify-full"));
    }

    #[test]
    fn a_database_on_this_machine_is_safe_with_every_mode() {
        let cases = [
            ("localhost", false),
            ("127.0.0.1:5433", false),
            ("127.9.9.9", false),
            ("[::1]", false),
            ("[::ffff:127.0.0.1]", false),
            ("%2Fvar%2Frun%2Fpostgresql", false),
            ("%2frun", false),
            ("localhost.example.com", true),
            ("10.0.0.1", true),
            ("[2001:db8::1]", true),
            ("localhost,db", true),
        ];
        for (host, want) in cases {
            assert_eq!(may_be_intercepted(&format!("postgres://{host}/chat")), want, "{host}");
        }
        for (parameter, want) in
            [("host=/run", false), ("host=db", true), ("hostaddr=10.0.0.1", true)]
        {
            let url = format!("postgres://localhost/chat?{parameter}");
            assert_eq!(may_be_intercepted(&url), want, "{url}");
        }
    }

    #[test]
    fn a_file_of_settings_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        let settings = Sources::gather([], None).settings().unwrap();
        assert_eq!(warnings(&settings, &file), Vec::<String>::new());

        fs::write(&file, "").unwrap();
        for (mode, want) in [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o620, 1)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(warnings(&settings, &file).len(), want, "{mode:o}");
        }
    }
}
