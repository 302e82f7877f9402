"""Checks what a client gets through nginx, and what nginx logs.

Usage: through_nginx.py PORT ACCESS_LOG
"""

import http.client
import json
import sys
import time

PORT, ACCESS_LOG = int(sys.argv[1]), sys.argv[2]
TIMEOUT = 10


def ask(path, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=TIMEOUT)
    connection.request("GET", path, headers=headers or {})
    response = connection.getresponse()
    body = b"" if response.status == 101 else response.read()
    connection.close()
    return response, body


def wait_for_nginx():
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return ask("/health/ready")
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


response, body = wait_for_nginx()
assert response.status == 200, (response.status, body)

# The node sees the client's Host. A client cannot claim TLS: nginx overwrites the header.
response, body = ask("/chat/api/", {"X-Forwarded-Proto": "https"})
url = json.loads(body)["messages"]
assert url == f"http://127.0.0.1:{PORT}/chat/api/messages/", url

handshake = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
response, _ = ask("/ws/chat/?access_token=hunter2", handshake)
assert response.status == 101, response.status
assert response.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

deadline = time.monotonic() + TIMEOUT
while "/ws/chat/ 101" not in (log := open(ACCESS_LOG).read()):
    assert time.monotonic() < deadline, log
    time.sleep(0.05)
assert "hunter2" not in log, log
