"""Checks that the files of docker/ agree with each other, with the program's settings and with docs/operations.md.

Covers what tests/docker/run cannot show by running them. Needs PyYAML.

Usage: files.py PROGRAM
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

PROGRAM = Path(sys.argv[1]).resolve()
TOP = Path(__file__).resolve().parents[2]
NODES = ["web", "web2", "web3"]
SECRET = "k3J9x0Qm2LrT7vYb5WzN8cHd1FgP4sAe"


def read(path):
    return (TOP / path).read_text()


def stages():
    """The instructions of each stage, as (name, text)."""
    lines = [line for line in read("docker/Dockerfile").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    instructions = [line.split(" ", 1) for line in joined.splitlines() if line.strip()]
    found = []
    for name, text in instructions:
        if name == "FROM":
            found.append([])
        found[-1].append((name, " ".join(text.split())))
    return found


def every(stage, name):
    return [text for other, text in stage if other == name]


def one(stage, name):
    (text,) = every(stage, name)
    return text


def directives(text):
    """Each directive of an nginx configuration as a list of words."""
    text = " ".join(line.strip() for line in text.splitlines() if not line.strip().startswith("#"))
    return [words for words in (part.split() for part in re.split("[;{}]", text)) if words]


def run(arguments, env, folder):
    command = [str(PROGRAM), *arguments]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=30)


def config(env):
    """What `online-chat config` prints with these variables: key to (value, origin)."""
    with tempfile.TemporaryDirectory() as folder:
        ended = run(["config"], env, folder)
    assert ended.returncode == 0, ended.stderr
    lines = (line.split("  # ") for line in ended.stdout.splitlines())
    entries = ((entry.split(" = ", 1), origin) for entry, origin in lines)
    return {key: (value.strip().strip('"'), origin) for (key, value), origin in entries}


def setting(key, env):
    return config(env)[key][0]


def seconds(text):
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


build, image = stages()
compose = yaml.safe_load(read("docker/compose.yaml"))
services = compose["services"]
nginx = directives(read("docker/nginx.conf"))
image_env = dict(word.split("=", 1) for text in every(image, "ENV") for word in text.split())


def environment(node):
    """The variables of a node: those of its image, overridden by those of compose."""
    given = {name: re.sub(r"\$\{[^}]*\}", SECRET, text) for name, text in services[node]["environment"].items()}
    return {**image_env, **given}


def nginx_values(*begin):
    return [" ".join(words[len(begin):]) for words in nginx if words[:len(begin)] == list(begin)]


def the_build_context_holds_exactly_what_the_build_copies():
    first, *let_in = read("docker/Dockerfile.dockerignore").splitlines()
    copied = [source for text in every(build, "COPY") for source in text.split()[:-1]]
    assert first == "*"
    assert sorted(let_in) == sorted(f"!{source}" for source in copied)
    assert all((TOP / source).exists() for source in copied)


def the_toolchain_is_that_of_the_workspace():
    channel = re.search('channel = "(.*)"', read("rust-toolchain.toml"))[1]
    assert one(build, "FROM").startswith(f"rust:{channel}-")
    assert "cargo build --release --locked --bin online-chat" in one(build, "RUN")


def the_image_holds_only_the_program_and_runs_it_without_privileges():
    assert not every(image, "RUN") and not every(image, "ENTRYPOINT")
    assert all(text.startswith("--from=build ") for text in every(image, "COPY"))
    user, group = one(image, "USER").split(":")
    assert int(user) > 0 and int(group) > 0
    assert one(image, "STOPSIGNAL") == "SIGTERM"
    assert setting("http.bind", image_env) == f"0.0.0.0:{one(image, 'EXPOSE')}"
    assert json.loads(one(image, "VOLUME")) == [setting("data_dir", image_env)]


def the_image_runs_commands_that_exist():
    health = one(image, "HEALTHCHECK").split("CMD ", 1)[1]
    for text in [one(image, "CMD"), health]:
        program, *arguments = json.loads(text)
        assert program == "online-chat"
        assert run([*arguments, "--help"], {}, TOP).returncode == 0, arguments


def every_variable_of_a_node_sets_something():
    for node in NODES:
        env = environment(node)
        origins = " ".join(origin for _, origin in config(env).values())
        missing = [name for name in env if not re.search(rf"\b{name}\b", origins)]
        assert not missing, (node, missing)


def the_guide_creates_the_secrets_that_compose_requires():
    recipe = read("docs/operations.md").split("```sh\n", 1)[1].split("```", 1)[0]
    required = set(re.findall(r"\$\{(\w+):\?", read("docker/compose.yaml")))
    assert required == set(re.findall(r"\$\{(\w+)", read("docker/compose.yaml")))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["sh", "-euc", recipe], cwd=folder, check=True, env={"PATH": os.environ["PATH"]})
        made = (Path(folder) / ".env").read_text().splitlines()
        assert {line.split("=")[0] for line in made} == required == {"CHAT__AUTH__SECRET", "POSTGRES_PASSWORD"}
        ended = run(["config"], {}, folder)
        assert ended.returncode == 0, ended.stderr
    assert services["db"]["environment"]["POSTGRES_PASSWORD"] == services["web"]["environment"]["DATABASE_PASSWORD"]


def compose_starts_one_node_on_port_8000_with_its_services():
    # The same name and so the same volumes, whichever of the two files is used.
    assert yaml.safe_load(read("compose.yaml")) == {"name": compose["name"], "include": ["docker/compose.yaml"]}
    assert sorted(name for name, service in services.items() if "profiles" not in service) == ["db", "redis", "web"]
    assert services["web"]["ports"] == ["8000:8000"]
    context = (TOP / "docker" / services["web"]["build"]["context"]).resolve()
    assert context == TOP and (context / services["web"]["build"]["dockerfile"]).exists()
    assert "command" not in services["web"]


def the_cluster_profile_adds_nginx_and_two_nodes_like_the_first():
    added = sorted(name for name, service in services.items() if service.get("profiles") == ["cluster"])
    assert added == ["nginx", "web2", "web3"]
    first = {key: value for key, value in services["web"].items() if key != "ports"}
    for node in ["web2", "web3"]:
        assert {key: value for key, value in services[node].items() if key != "profiles"} == first, node


def services_wait_until_their_dependencies_are_healthy():
    for name, service in services.items():
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}, (name, other)
            # The image of the nodes has a health check.
            assert other in NODES or services[other]["healthcheck"]["test"], (name, other)
    assert all(sorted(services[node]["depends_on"]) == ["db", "redis"] for node in NODES)
    assert sorted(services["nginx"]["depends_on"]) == NODES


def networks_volumes_and_versions_are_declared():
    for name, service in services.items():
        assert set(service.get("networks", [])) <= set(compose["networks"]), name
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source in compose["volumes"] or (TOP / "docker" / source).exists(), (name, source)
        if service["image"] != "online-chat":
            assert service["image"].split(":")[1][0].isdigit(), service["image"]


def a_stop_has_more_time_than_a_node_takes():
    # A node waits for its connections, and then for its tasks.
    least = 2 * int(setting("http.shutdown_timeout_ms", {}))
    assert all(seconds(services[node]["stop_grace_period"]) * 1000 > least for node in NODES)


def nginx_proxies_to_every_node():
    assert [value for value in nginx_values("server") if value] == [f"{node}:8000" for node in NODES]
    assert environment("web")["CHAT__HTTP__BIND"] == "0.0.0.0:8000"
    assert nginx_values("proxy_set_header", "X-Forwarded-For") == ["$remote_addr"]
    (listen,) = nginx_values("listen")
    assert services["nginx"]["ports"] == [f"{listen}:{listen}"]


def nginx_accepts_what_the_nodes_accept_and_waits_longer():
    (body,) = nginx_values("client_max_body_size")
    (timeout,) = nginx_values("proxy_read_timeout")
    for profile in ["default", "parity"]:
        env = {"CHAT_PROFILE": profile}
        assert int(body.removesuffix("m")) << 20 >= int(setting("limits.body_bytes", env)), profile
        assert seconds(timeout) > int(setting("socket.ping_interval_s", env)), profile


def nginx_logs_no_query():
    (log_format,) = nginx_values("log_format", "no_query")
    assert nginx_values("access_log") == ["/dev/stdout no_query"]
    # Below this level the error log repeats the whole request.
    assert nginx_values("error_log") == ["/dev/stderr crit"]
    logged = set(re.findall(r"\$(\w+)", log_format))
    assert not logged & {"request", "request_uri", "args", "query_string", "http_referer"}, logged


def nodes_trust_only_the_fixed_address_of_nginx():
    address = services["nginx"]["networks"]["front"]["ipv4_address"]
    addresses = compose["networks"]["front"]["ipam"]["config"][0]
    assert all(services[node]["environment"]["CHAT__HTTP__TRUSTED_PROXIES"] == address for node in NODES)
    network = addresses["subnet"].removesuffix("0/24")
    assigned = addresses["ip_range"]
    assert address.startswith(network) and assigned.startswith(network) and assigned.endswith("/25")
    last_byte = lambda text: int(text.split("/")[0].rsplit(".", 1)[1])
    assert last_byte(address) < last_byte(assigned), "compose may assign the fixed address"


CHECKS = [
    the_build_context_holds_exactly_what_the_build_copies,
    the_toolchain_is_that_of_the_workspace,
    the_image_holds_only_the_program_and_runs_it_without_privileges,
    the_image_runs_commands_that_exist,
    every_variable_of_a_node_sets_something,
    the_guide_creates_the_secrets_that_compose_requires,
    compose_starts_one_node_on_port_8000_with_its_services,
    the_cluster_profile_adds_nginx_and_two_nodes_like_the_first,
    services_wait_until_their_dependencies_are_healthy,
    networks_volumes_and_versions_are_declared,
    a_stop_has_more_time_than_a_node_takes,
    nginx_proxies_to_every_node,
    nginx_accepts_what_the_nodes_accept_and_waits_longer,
    nginx_logs_no_query,
    nodes_trust_only_the_fixed_address_of_nginx,
]

for check in CHECKS:
    check()
print(f"docker/: {len(CHECKS)} checks of its files passed")
