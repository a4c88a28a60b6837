"""A design that was accepted, as a file that says all that it rests on.

The file is named by its content, so the same request gives the same file, and no other ever takes its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aign.files.writing import json_text, write_text, writing

DIGITS = 16
"""Of the SHA-256 in the name."""
KEPT = ("network", "scenario", "request", "seed", "certificate", "certified_utility", "statement", "shadow_prices",
        "best_known_utility", "objectives")
"""What of an answer holds for each of its designs."""


def write(folder: Path, answer: Mapping[str, Any], design: Mapping[str, Any]) -> tuple[Path, str]:
    """Write a design with its request, certificate, model digest and seed; return path and SHA-256.

    Args:
        folder: that files are written to.
        answer: what holds for all designs of the request.
        design: its values and figures; of a suggestion the changes, too.

    Raises:
        StorageError: the folder cannot be written.
    """
    content = {**{name: answer[name] for name in KEPT}, "model_sha256": answer["digest"],
               "design": design}
    text = json_text(content)
    digest = hashlib.sha256(text.encode()).hexdigest()
    path = folder / f"{answer['network']}-{digest[:DIGITS]}.json"
    with writing(path) as aside:
        write_text(aside, text)
    return path, digest
