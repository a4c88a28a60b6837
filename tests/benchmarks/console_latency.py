"""How long an operator waits: `python tests/benchmarks/console_latency.py [MODELS] [NETWORK]`, into console.json.

Starts the console as a user does and asks it as a page does, from a sentence to verified designs, until the models are
warm; then measures, each in milliseconds: reading the sentence, the job of 16 designs, and within the job generation,
certificate and explanation. Last, how many live updates a second a dragged slider gets.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "pipeline"), str(ROOT / "tests/console")]

from running import ended, started  # noqa: E402  # lies in tests/console

ROUNDS = 7
LIVE_SECONDS = 4.0
SENTENCES = {"power-20": "total power at most 300 levels and the rate of the worst user at least 6 Mbit/s"}
REPORT = ROOT / "data/reports/operator/console.json"


def milliseconds(work: Callable[[], Any]) -> dict[str, float]:
    """Return median and extremes of several runs."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return {"median": round(statistics.median(taken), 1), "least": round(min(taken), 1), "most": round(max(taken), 1)}


def within(models: Path, network: str, request: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return where the time of a job goes, measured in this process by the same functions."""
    import torch

    from aign.console.tasks import drawn
    from aign.designs.answer import answer
    from aign.designs.generation import generate
    from aign.designs.requests import Request
    from aign.diffusion import store

    torch.set_num_threads(1)
    pipeline = store.load(models / network)
    scenario = pipeline.scenario
    resolved = Request(**request).resolve(scenario, 1)
    contexts = resolved.context[None]

    def explained() -> None:
        answer(pipeline, resolved, None, 1).to_json()

    explained()
    whole, designs = milliseconds(explained), milliseconds(
        lambda: generate(pipeline, contexts, resolved.constraints, resolved.count, None, 1))
    certificate = milliseconds(lambda: scenario.certify(contexts, resolved.constraints))
    finished = answer(pipeline, resolved, None, 1)
    return {"generate_and_verify": designs, "certify": certificate, "answer_with_explanation": whole,
            "picture": milliseconds(lambda: drawn(finished.picture()))}


def main(models: Path, network: str) -> None:
    """Measure one network."""
    text = SENTENCES[network]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "models").symlink_to(models.resolve())
        began = time.perf_counter()
        console = started(Path(folder))
        with console.client as client:
            client.get("/api/networks")
            ready = time.perf_counter() - began
            form = {"network": network, "seed": 1, "request": {"count": 16}}

            def read() -> dict[str, Any]:
                reading = client.post("/api/read", json={**form, "text": text}).json()
                return {**form, "request": reading["request"]}

            def design(asked: dict[str, Any]) -> dict[str, Any]:
                job = ended(client, client.post("/api/design", json=asked).json()["job"])
                assert job["state"] == "done", job
                assert all(row["feasible"] for row in job["result"]["designs"])
                return job

            began = time.perf_counter()
            asked = read()
            design(asked)
            first = time.perf_counter() - began
            end_to_end = milliseconds(lambda: design(read()))
            reading, job = milliseconds(read), milliseconds(lambda: design(asked))
            updates, began = 0, time.perf_counter()
            while time.perf_counter() - began < LIVE_SECONDS:
                slid = {**asked["request"], "where": [f"total_power<={300 - updates % 50}"]}
                assert client.post("/api/live", json={**asked, "request": slid}).status_code == 200
                updates += 1
            rate = updates / (time.perf_counter() - began)
        console.process.terminate()
        console.process.wait()
    content = {"network": network, "sentence": text, "designs": 16, "rounds": ROUNDS,
               "start_to_page_s": round(ready, 2), "first_request_s": round(first, 2),
               "warm_ms": {"words_to_verified_designs": end_to_end, "read": reading, "design_job": job,
                           "within_the_job": within(models, network, asked["request"])},
               "live_updates_per_s": round(rate, 1)}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    print(json.dumps(content, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"), sys.argv[2] if len(sys.argv) > 2 else "power-20")
