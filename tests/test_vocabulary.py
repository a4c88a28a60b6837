"""One word a thing: no names that say nothing of what they hold, or for which the glossary has another word."""

import io
import tokenize
from pathlib import Path

import pytest

PIPELINE = Path(__file__).parents[1] / "pipeline"
EMPTY = {"one", "found", "given", "own"}
RETIRED = {"is_sequential", "whole_labels", "step_integer", "seen_next", "harmless", "yardsticks", "Yardsticks",
           "Known", "Asked", "Found", "Followed", "Described", "journal", "gallery", "seals", "return_focus"}
KEPT = {"aign/diffusion/set_network.py": {"own"}}  # the name of a weight that stored models have


def names(file):
    """Return the identifiers of a source."""
    text = io.StringIO(file.read_text())
    return {token.string for token in tokenize.generate_tokens(text.readline) if token.type == tokenize.NAME}


@pytest.mark.parametrize("room", sorted(path.name for path in PIPELINE.iterdir() if path.is_dir()))
def test_identifiers_say_what_they_hold(room):
    for file in sorted((PIPELINE / room).rglob("*.py")):
        place = file.relative_to(PIPELINE).as_posix()
        assert names(file) & (EMPTY | RETIRED) <= KEPT.get(place, set()), place
