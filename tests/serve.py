#!/usr/bin/env python3
"""Runs a command against the built server, on a free port and an empty folder.

    tests/serve.py BINARY PROFILE COMMAND...

The command gets BASE_URL and JWT_SECRET. The status is the command's, unless
the server does not start, or does not stop cleanly when it is asked to.
"""
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

START_TIMEOUT, STOP_TIMEOUT = 30, 30
# Named in the environment, these are used instead of SQLite and the bus in the process.
SERVICES = ("DATABASE_URL", "REDIS_URL")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(server, base_url):
    deadline = time.monotonic() + START_TIMEOUT
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{base_url}/health/ready", timeout=5) as response:
                return response.status == 200
        except OSError:
            time.sleep(0.05)
    return False


def stop(server):
    server.send_signal(signal.SIGTERM)
    try:
        return server.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        server.kill()
        return "killed, as it did not stop"


def main(binary, profile, *command):
    secret, base_url = secrets.token_hex(32), f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, "log")
        env = {
            "PATH": os.environ["PATH"],
            "CHAT_PROFILE": profile,
            "CHAT__HTTP__BIND": base_url.removeprefix("http://"),
            "CHAT__DATA_DIR": f"{folder}/data",
            "CHAT__AUTH__SECRET": secret,
            "CHAT__AUTH__BCRYPT_COST": "4",
            "CHAT__LIMITS__ENABLED": "false",
            **{name: os.environ[name] for name in SERVICES if name in os.environ},
        }
        with log.open("w") as output:
            server = subprocess.Popen([os.path.abspath(binary)], env=env, cwd=folder, stderr=output)
        try:
            status = 1
            if wait_until_ready(server, base_url):
                status = subprocess.run(command, env={**os.environ, "BASE_URL": base_url, "JWT_SECRET": secret}).returncode
        finally:
            ended = stop(server)
        if status or ended:
            print(f"{log.read_text()[-20000:]}\nthe command's status: {status}; the server's: {ended}", file=sys.stderr)
    return status or (1 if ended else 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
