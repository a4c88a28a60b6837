"""What a page of a stranger, or a program without the token, tries: each attempt is refused with its status."""

import pytest
from starlette.testclient import TestClient

from aign.console.app import application

HOST, TOKEN = "127.0.0.1:8765", "secret"
GOOD = {"host": HOST, "x-aign-token": TOKEN, "content-type": "application/json"}


class Idle:
    """A worker that knows the networks, and does whatever else at once."""

    async def start(self):
        pass

    async def perform(self, task, arguments, tell):
        return {"networks": [], "refused": [], "others": []} if task == "networks" else {"answer": {}, "paths": []}

    def kill(self):
        pass

    async def close(self):
        pass


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with TestClient(application(Idle(), tmp_path_factory.mktemp("accepted"), [HOST], TOKEN)) as client:
        yield client


def post(client, content=b'{"network": "a"}', path="/api/design", **headers):
    sent = {name.replace("_", "-"): value for name, value in {**GOOD, **headers}.items() if value is not None}
    return client.post(path, content=content, headers=sent)


@pytest.mark.parametrize(("headers", "status"), [
    ({}, 202),
    ({"origin": f"http://{HOST}"}, 202),
    ({"host": "evil.example"}, 400),
    ({"host": "127.0.0.1:1"}, 400),
    ({"host": "127.0.0.1.evil.example:8765"}, 400),
    ({"origin": "http://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"origin": f"https://{HOST}"}, 403),
    ({"origin": "http://127.0.0.1:8766"}, 403),
    ({"sec_fetch_site": "cross-site"}, 403),
    ({"sec_fetch_site": "same-site"}, 403),
    ({"x-aign-token": None}, 403),
    ({"x-aign-token": "guess"}, 403),
    ({"x-aign-token": "sécret".encode()}, 403),
    ({"content-type": "text/plain"}, 415),
    ({"content-type": "application/x-www-form-urlencoded"}, 415),
    ({"content-type": None}, 415),
    ({"content-length": "-1"}, 400),
    ({"content-length": "1e3"}, 400),
])
def test_headers_decide_who_may_ask(client, headers, status):
    assert post(client, **headers).status_code == status


def test_large_and_chunked_bodies_are_refused_before_they_are_read(client):
    assert post(client, b"x" * 70_000).status_code == 413
    assert post(client, iter([b"{}"])).status_code == 411


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b'{"network": "a", "unknown": 1}',
                                     b'{"network": "../a"}',
                                     b'{"network": "a", "seed": -1}', b'{"network": "a", "request": {"count": 0}}',
                                     b'{"network": "a", "request": {"count": 257}}', b"\xff\xfe",
                                     b'{"network": "a", "request": {"context": "/etc/passwd"}}',
                                     b'{"network": "a", "request": {"where": ["x"], "shell": "rm"}}',
                                     b'{"network": "a", "request": {"context": [NaN]}}', b"[" * 60_000])
def test_what_is_no_request_is_refused_with_a_reason(client, content):
    reply = post(client, content)
    assert reply.status_code == 422
    assert reply.json()["error"]


@pytest.mark.parametrize("path", [
    "/page/../routes.py", "/page/%2e%2e/routes.py", "/page/..%2f..%2fapi.py", "/page//etc/passwd", "/etc/passwd",
    "/page/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd", "/api/jobs/../nothing", "/api/jobs/none",
    "/api/jobs/none/events", "/api/jobs/none/picture", "/api/jobs/none/designs/1/picture",
    "/api/jobs/none/designs/999999999999/picture"])
def test_what_is_not_there_is_not_found(client, path):
    assert client.get(path, headers={"host": HOST}).status_code == 404


def test_reading_needs_no_token_but_is_for_our_own_page_alone(client):
    assert client.get("/api/networks", headers={"host": HOST}).status_code == 200
    for headers in ({"host": "evil.example"}, {"host": HOST, "origin": "http://evil.example"},
                    {"host": HOST, "sec-fetch-site": "cross-site"}):
        assert client.get("/api/networks", headers=headers).status_code in (400, 403)


def test_cancelling_needs_the_token(client):
    job = post(client).json()["job"]
    assert client.delete(f"/api/jobs/{job}", headers={"host": HOST}).status_code == 403
    assert client.delete(f"/api/jobs/{job}", headers=GOOD).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("PUT", "/api/design"), ("GET", "/api/design"), ("POST", "/"),
                                              ("TRACE", "/"), ("OPTIONS", "/api/design"), ("PATCH", "/api/networks")])
def test_other_methods_are_refused(client, method, path):
    assert client.request(method, path, headers=GOOD).status_code == 405


def test_every_answer_says_what_browsers_must_not_do(client):
    for path in ("/", "/page/main.js", "/api/networks", "/nowhere"):
        headers = client.get(path, headers={"host": HOST}).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_the_page_loads_nothing_from_elsewhere(client):
    page = client.get("/", headers={"host": HOST}).text
    assert TOKEN in page
    assert "//" not in page.replace("<!doctype", "")
    assert "style=" not in page
    assert "<script>" not in page


def test_no_other_socket_is_spoken_to(client):
    with pytest.raises(Exception), client.websocket_connect("/api/jobs/none/events", headers=GOOD):  # noqa: B017, PT011
        pass
