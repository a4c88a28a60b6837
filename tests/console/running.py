"""A console that runs as a user starts it, and what tests need to know of its processes (Linux)."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2

ROOT = Path(__file__).parents[2]
TOKEN = "told-by-the-test"
PATIENCE_S = 60


@dataclass
class Running:
    """The process, its address and the folder it runs in."""

    process: subprocess.Popen
    url: str
    folder: Path

    @property
    def client(self):
        return httpx2.Client(base_url=self.url, headers={"X-Aign-Token": TOKEN}, timeout=PATIENCE_S)

    def worker(self):
        """Return the process id of the worker, when there is one."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        until = time.monotonic() + PATIENCE_S
        while not (listed := children.read_text().split()) and time.monotonic() < until:
            time.sleep(0.02)
        return int(listed[-1])

    def stop_worker(self):
        """Let the worker stand still, so that whatever it is at goes on for as long as the test wants."""
        worker = self.worker()
        os.kill(worker, signal.SIGSTOP)
        return worker

    def memory(self):
        """Return the resident bytes of the server, without the worker."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def started(folder, *options):
    """Start `aign console` in a folder that holds models."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "pipeline"), "AIGN_CONSOLE_TOKEN": TOKEN}
    process = subprocess.Popen([sys.executable, "-P", "-m", "aign.cli", "console", "--port", "0", *options], cwd=folder,
                               env=environment, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    return Running(process, re.search(r"http://[\d.:]+", line)[0], folder)


def ended(client, job):
    """Return a job when it has ended."""
    with client.stream("GET", f"/api/jobs/{job}/events") as events:
        events.read()
    return client.get(f"/api/jobs/{job}").json()


def designed(client, network="water-4", seed=0, **request):
    """Return a finished job of a request."""
    reply = client.post("/api/design", json={"network": network, "seed": seed, "request": request})
    assert reply.status_code == 202, reply.text
    return ended(client, reply.json()["job"])
