"""A hub on this machine: as much of its interface as the client needs to put files into a repository."""

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class FakeHub:
    """Keeps what was uploaded.

    Attributes:
        files: repository -> path -> bytes.
        tokens: of all requests.
        refuse: status to answer every request with; 0 to serve it.
    """

    def __init__(self):
        self.files, self.tokens, self.commits, self.refuse = {}, set(), 0, 0
        self.address = ""

    def answer(self, method, path, body):
        if path == "/api/repos/create":
            asked = json.loads(body)
            kind = asked.get("type", "model")
            name = f"{asked['organization']}/{asked['name']}"
            self.files.setdefault((kind, name), {".gitattributes": b"*.parquet filter=lfs\n"})
            return {"url": f"{self.address}/{'datasets/' if kind == 'dataset' else ''}{name}", "id": "1", "name": name}
        if path == "/api/validate-yaml":
            return {"errors": [], "warnings": []}
        parts = path.split("/")[2:6]
        if len(parts) < 4:
            return {}
        kind, owner, name, what = parts
        files = self.files[kind.removesuffix("s"), f"{owner}/{name}"]
        if what == "tree":
            return [{"type": "file", "path": one, "size": len(data), "oid": "0" * 40} for one, data in files.items()]
        if what == "preupload":
            return {"files": [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                              for one in json.loads(body)["files"]]}
        if what == "commit":
            self.commit(files, body)
            return {"commitUrl": f"{self.address}/{owner}/{name}/commit/{'0' * 40}", "commitOid": "0" * 40}
        return {"id": f"{owner}/{name}", "sha": "0" * 40, "siblings": []}

    def commit(self, files, body):
        self.commits += 1
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "deletedFile":
                del files[line["value"]["path"]]


@contextmanager
def serving():
    """Serve a FakeHub on a free port of this machine."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def do(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hub.tokens.add(self.headers.get("Authorization"))
            status, content = (hub.refuse, {"error": "refused"}) if hub.refuse else \
                (200, hub.answer(self.command, urlsplit(self.path).path, body))
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do  # noqa: N815  (the names that the server calls)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
