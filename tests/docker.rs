//! docker/ holds together, as far as that can be seen without docker:
//! its files parse, name each other and the program's settings rightly.
//!
//! tests/docker/run does what they describe.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot go on should fail"
)]

#[path = "docker/compose.rs"]
mod compose;
#[path = "docker/dockerfile.rs"]
mod dockerfile;
#[path = "docker/nginx.rs"]
mod nginx;
#[path = "support/program.rs"]
mod program;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use compose::{keys, texts};
use dockerfile::{Stage, words};
use nginx::Directives;
use program::Folder;
use serde_json::{Value, json};

const NODES: [&str; 3] = ["web", "web2", "web3"];
const PROGRAM: &str = "online-chat";

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn image_stages() -> [Stage; 2] {
    let stages = dockerfile::stages(&read("docker/Dockerfile"));
    stages.try_into().expect("one stage builds, one is the image")
}

fn services() -> Value {
    compose::parse(&read("docker/compose.yaml"))["services"].clone()
}

fn nginx_conf() -> Directives {
    Directives::parse(&read("docker/nginx.conf"))
}

/// The variables of a node: those of its image, and what compose sets over them.
fn environment(service: &str) -> Vec<(String, String)> {
    let [_, image] = image_stages();
    let services = services();
    let set = services[service]["environment"].as_object().unwrap().iter();
    let set: Vec<(String, String)> =
        set.map(|(name, value)| (name.clone(), with_values(value.as_str().unwrap()))).collect();
    let mut all = image.env();
    all.retain(|(name, _)| set.iter().all(|(other, _)| other != name));
    all.extend(set);
    all
}

/// A value as compose gives it on, with a secret for each variable in it.
fn with_values(text: &str) -> String {
    match text.split_once("${") {
        None => text.to_owned(),
        Some((before, rest)) => {
            let (_, after) = rest.split_once('}').unwrap();
            format!("{before}k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe{after}")
        }
    }
}

/// The value of a key with these variables set, as `online-chat config` shows it.
fn setting(key: &str, env: &[(&str, &str)]) -> String {
    let ended = Folder::new().run(&["config"], env);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let line = ended.stdout.lines().find(|line| line.starts_with(&format!("{key} = ")));
    let line = line.unwrap_or_else(|| panic!("{key} is no setting"));
    line.split('"').nth(1).expect("a value is quoted").to_owned()
}

fn number(key: &str, env: &[(&str, &str)]) -> u64 {
    setting(key, env).parse().unwrap_or_else(|error| panic!("{key}: {error}"))
}

/// `30s`, `5m`: seconds.
fn seconds(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.len() - 1);
    number.parse::<u64>().unwrap() * if unit == "m" { 60 } else { 1 }
}

#[test]
fn every_source_that_the_build_copies_exists_and_is_in_its_context() {
    let [build, _] = image_stages();
    let ignored = read("docker/Dockerfile.dockerignore");
    assert_eq!(ignored.lines().next(), Some("*"), "what is not named stays out");
    let mut copied = Vec::new();
    for copy in build.all("COPY") {
        let mut sources: Vec<&str> = copy.split_whitespace().collect();
        sources.pop();
        copied.extend(sources.into_iter().map(|source| format!("!{source}")));
    }

    assert!(copied.len() > 4, "{copied:?}");
    for source in &copied {
        assert!(top().join(&source[1..]).exists(), "{source}");
    }
    let mut let_in: Vec<&str> = ignored.lines().skip(1).collect();
    let_in.sort_unstable();
    copied.sort_unstable();
    assert_eq!(let_in, copied);
}

#[test]
fn the_image_is_built_by_the_toolchain_of_the_workspace_from_the_locked_versions() {
    let [build, _] = image_stages();
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap();

    let from = build.one("FROM");
    let command = build.one("RUN");

    assert!(from.starts_with(&format!("rust:{}-", channel.trim_matches('"'))), "{from}");
    assert!(command.contains("cargo build --release --locked --bin online-chat"), "{command}");
}

#[test]
fn the_image_holds_the_program_alone_and_runs_it_as_nobody_in_particular() {
    let [_, image] = image_stages();

    assert_eq!((image.all("RUN"), image.all("ENTRYPOINT")), (vec![], vec![]));
    for copy in image.all("COPY") {
        assert!(copy.starts_with("--from=build "), "{copy}");
    }
    let ids: Vec<u32> = image.one("USER").split(':').map(|id| id.parse().unwrap()).collect();
    assert!(ids.len() == 2 && !ids.contains(&0), "{ids:?}");
    assert_eq!(image.one("STOPSIGNAL"), "SIGTERM");
    let env = image.env();
    let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(setting("http.bind", &env), format!("0.0.0.0:{}", image.one("EXPOSE")));
    assert_eq!(words(image.one("VOLUME")), [setting("data_dir", &env)]);
}

#[test]
fn the_image_runs_commands_that_the_program_has() {
    let [_, image] = image_stages();
    let (_, health) = image.one("HEALTHCHECK").split_once("CMD ").unwrap();
    for command in [image.one("CMD"), health] {
        let mut command = words(command);
        assert_eq!(command.remove(0), PROGRAM);
        command.push("--help".to_owned());
        let arguments: Vec<&str> = command.iter().map(String::as_str).collect();

        let ended = Folder::new().run(&arguments, &[]);

        assert_eq!(ended.status, Some(0), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn every_variable_of_a_node_is_a_setting_that_is_taken() {
    for node in NODES {
        let env = environment(node);
        let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();

        let ended = Folder::new().run(&["config"], &env);

        assert_eq!(ended.status, Some(0), "{node}: {}", ended.stderr);
        let origins: Vec<&str> = ended
            .stdout
            .lines()
            .filter_map(|line| line.split_once("# environment "))
            .flat_map(|(_, names)| names.split(", "))
            .collect();
        for (name, _) in env {
            assert!(origins.contains(&name), "{node}: {name} sets nothing:\n{}", ended.stdout);
        }
    }
}

#[test]
fn a_secret_that_is_not_given_stops_compose_and_the_guide_says_how_to_give_it() {
    let file = read("docker/compose.yaml");
    let guide = read("docs/operations.md");
    let (_, recipe) = guide.split_once("```sh\n").unwrap();
    let (recipe, _) = recipe.split_once("```").unwrap();
    let folder = Folder::new();
    let mut shell = Command::new("sh");
    shell.args(["-euc", recipe]);
    assert_eq!(folder.run_command(shell).status, Some(0), "{recipe}");
    let made = fs::read_to_string(folder.path().join(".env")).unwrap();

    let mut variables = compose::variables(&file);
    variables.sort_unstable();
    variables.dedup();
    assert_eq!(variables, [("CHAT__AUTH__SECRET", true), ("POSTGRES_PASSWORD", true)]);
    let names: Vec<&str> = made.lines().filter_map(|line| line.split('=').next()).collect();
    assert_eq!(names, ["CHAT__AUTH__SECRET", "POSTGRES_PASSWORD"]);
    let ended = folder.run(&["config"], &[]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(
        services()["db"]["environment"]["POSTGRES_PASSWORD"],
        services()["web"]["environment"]["DATABASE_PASSWORD"],
    );
}

#[test]
fn compose_in_the_top_folder_starts_one_node_on_port_8000_with_its_services() {
    let compose = compose::parse(&read("compose.yaml"));
    // The same name, and so the same volumes, whichever of the two files is named.
    let name = &compose::parse(&read("docker/compose.yaml"))["name"];
    assert_eq!(compose, json!({"name": name, "include": ["docker/compose.yaml"]}));
    let services = services();
    let plain: Vec<&str> =
        keys(&services).into_iter().filter(|name| services[name]["profiles"].is_null()).collect();

    assert_eq!(plain, ["db", "redis", "web"]);
    assert_eq!(texts(&services["web"]["ports"]), ["8000:8000"]);
    let build = &services["web"]["build"];
    let context = top().join("docker").join(build["context"].as_str().unwrap());
    assert_eq!(context.canonicalize().unwrap(), top());
    assert!(context.join(build["dockerfile"].as_str().unwrap()).exists());
    assert_eq!(services["web"]["command"], Value::Null);
}

#[test]
fn the_cluster_profile_adds_nginx_and_two_more_nodes_that_are_like_the_first() {
    let services = services();
    let added: Vec<&str> = keys(&services)
        .into_iter()
        .filter(|name| services[name]["profiles"] == json!(["cluster"]))
        .collect();

    assert_eq!(added, ["nginx", "web2", "web3"]);
    for node in ["web2", "web3"] {
        let mut first = services["web"].as_object().unwrap().clone();
        first.remove("ports");
        let mut other = services[node].as_object().unwrap().clone();
        other.remove("profiles");
        assert_eq!(other, first, "{node}");
    }
}

#[test]
fn services_wait_until_those_that_they_need_are_well() {
    let services = services();
    for name in keys(&services) {
        let needed = &services[name]["depends_on"];
        for other in needed.as_object().into_iter().flatten().map(|(other, _)| other) {
            assert_eq!(needed[other], json!({"condition": "service_healthy"}), "{name}: {other}");
            let checked = services[other]["healthcheck"]["test"].is_array();
            // The nodes bring a check in their image.
            assert!(checked || NODES.contains(&other.as_str()), "{name}: {other}");
        }
    }
    for node in NODES {
        assert_eq!(keys(&services[node]["depends_on"]), ["db", "redis"]);
    }
    assert_eq!(keys(&services["nginx"]["depends_on"]), NODES);
}

#[test]
fn every_network_and_volume_that_a_service_names_is_declared() {
    let compose = compose::parse(&read("docker/compose.yaml"));
    let networks = keys(&compose["networks"]);
    let volumes = keys(&compose["volumes"]);
    for (name, service) in compose["services"].as_object().unwrap() {
        let named = match &service["networks"] {
            Value::Array(_) => texts(&service["networks"]),
            named => keys(named),
        };
        assert!(named.iter().all(|network| networks.contains(network)), "{name}: {named:?}");
        for mount in service["volumes"].as_array().into_iter().flatten() {
            let (source, _) = mount.as_str().unwrap().split_once(':').unwrap();
            let exists = top().join("docker").join(source).exists();
            assert!(volumes.contains(&source) || exists, "{name}: {source}");
        }
    }
    let images = compose["services"].as_object().unwrap().values().map(|service| &service["image"]);
    for image in images.filter(|image| **image != PROGRAM) {
        let (_, version) = image.as_str().unwrap().split_once(':').expect("a version");
        assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{image}");
    }
}

#[test]
fn a_stop_is_given_more_time_than_a_node_takes() {
    for node in NODES {
        let grace = seconds(services()[node]["stop_grace_period"].as_str().unwrap());

        // It waits for its connections, and then for its tasks.
        assert!(grace * 1000 > 2 * number("http.shutdown_timeout_ms", &[]), "{node}: {grace} s");
    }
}

#[test]
fn nginx_passes_sockets_and_requests_to_every_node() {
    let conf = nginx_conf();

    let servers: Vec<String> = conf.all(&["server"]);
    assert_eq!(servers, NODES.map(|node| format!("{node}:8000")));
    assert!(environment("web").contains(&("CHAT__HTTP__BIND".into(), "0.0.0.0:8000".into())));
    assert_eq!(conf.one(&["proxy_pass"]), format!("http://{}", conf.one(&["upstream"])));
    assert_eq!(conf.one(&["proxy_http_version"]), "1.1");
    let header = |name| conf.one(&["proxy_set_header", name]);
    assert_eq!(header("Upgrade"), "$http_upgrade");
    assert_eq!(header("Connection"), "$connection_upgrade");
    assert_eq!(header("Host"), "$http_host");
    assert_eq!(header("X-Forwarded-For"), "$remote_addr");
    assert_eq!(header("X-Forwarded-Proto"), "$scheme");
    let listens = conf.one(&["listen"]);
    assert_eq!(texts(&services()["nginx"]["ports"]), [format!("{listens}:{listens}")]);
}

#[test]
fn nginx_takes_what_the_nodes_take_and_waits_longer_than_they_do() {
    let conf = nginx_conf();
    let megabytes: u64 =
        conf.one(&["client_max_body_size"]).strip_suffix('m').unwrap().parse().unwrap();
    let timeout = seconds(&conf.one(&["proxy_read_timeout"]));

    for profile in ["default", "parity"] {
        let env = [("CHAT_PROFILE", profile)];
        assert!(megabytes << 20 >= number("limits.body_bytes", &env), "{profile}");
        assert!(timeout > number("socket.ping_interval_s", &env), "{profile}");
    }
}

#[test]
fn nginx_writes_no_query_down_as_it_may_hold_a_token() {
    let conf = nginx_conf();

    let format = conf.one(&["log_format", "no_query"]);
    assert_eq!(conf.all(&["access_log"]), ["/dev/stdout no_query"]);
    // Below this level it repeats the whole request.
    assert_eq!(conf.one(&["error_log"]), "/dev/stderr crit");
    let variables: Vec<&str> = format.split(['$', ' ', '[', ']', '\'']).collect();
    for event_since in ["request", "request_uri", "args", "query_string", "http_referer"] {
        assert!(!variables.contains(&event_since), "{event_since}");
    }
}

#[test]
fn nodes_trust_the_fixed_address_of_nginx_alone() {
    let compose = compose::parse(&read("docker/compose.yaml"));
    let address = compose["services"]["nginx"]["networks"]["front"]["ipv4_address"].clone();
    let range = &compose["networks"]["front"]["ipam"]["config"][0];

    for node in NODES {
        let trusted = &compose["services"][node]["environment"]["CHAT__HTTP__TRUSTED_PROXIES"];
        assert_eq!(*trusted, address, "{node}");
    }
    let last_byte = |text: &str| {
        let text = text.split('/').next().unwrap();
        text.rsplit('.').next().unwrap().parse::<u8>().unwrap()
    };
    let network = range["subnet"].as_str().unwrap().strip_suffix("0/24").unwrap();
    let address = address.as_str().unwrap();
    assert!(address.starts_with(network), "{address} in {network}");
    let given_out = range["ip_range"].as_str().unwrap();
    assert!(given_out.starts_with(network) && given_out.ends_with("/25"), "{given_out}");
    assert!(last_byte(address) < last_byte(given_out), "{address} is given out, too");
}
