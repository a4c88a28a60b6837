"""A real S3 server for tests: the gateway of JuiceFS, which checks signatures and keeps objects on disk.

It can be killed at any moment and started again with what it had, as a server elsewhere can.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("juicefs")
KEY, SECRET = "a-tester", "secret-of-the-tests"
START_SECONDS = 60


class S3Server:
    """Serves a folder on a port of this machine."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.meta = f"sqlite3://{folder}/meta.db"
        subprocess.run([PROGRAM, "format", "--storage", "file", "--bucket", f"{folder}/objects/", "--trash-days", "0",
                        self.meta, "tests"], check=True, capture_output=True)
        self.start()

    @property
    def environment(self):
        """What tells every S3 client where the server is and who asks."""
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    def start(self):
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "gateway", "--no-usage-report", "--multi-buckets", "--keep-etag", "--cache-size", "16M",
                 "--cache-dir", self.folder / "cache", self.meta, f"127.0.0.1:{self.port}"],
                env={**os.environ, "MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET}, stdout=log, stderr=log)
        for _ in range(START_SECONDS * 10):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self):
        """Kill it as a power cut would."""
        self.process.kill()
        self.process.wait()
