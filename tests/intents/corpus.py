"""The sentences of `sentences.yaml`: what was said, to which network, and the right reading; cut into two splits.

The split is by a hash of network and sentence, so that nobody chooses it: two thirds to develop the reader with, a
third to measure it with, whose misses are not mended.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("sentences.yaml")


@dataclass(frozen=True)
class Sentence:
    """What was said, and the fields of the request that it means: none where the reader has to ask back.

    Attributes:
        network: key of `spoken_networks.NETWORKS`.
        text: the sentence.
        request: fields of the request; None where it has to ask back.
        before: fields of the request that the sentence refines; None where it is a request of its own.
    """

    network: str
    text: str
    request: dict | None
    before: dict | None = field(default=None)

    @property
    def split(self) -> str:
        digest = hashlib.sha256(f"{self.network}: {self.text}".encode()).hexdigest()
        return "development" if int(digest, 16) % 3 else "test"


@cache
def sentences():
    """Return all sentences, in the file's order."""
    read = yaml.safe_load(FILE.read_text())
    return [_sentence(network, *line) for network, lines in read.items() for line in lines]


def _sentence(network, text, reading):
    reading = dict(reading)
    before, asks = reading.pop("from", None), reading.pop("ask", None)
    assert not (asks and reading), text
    return Sentence(network, text, None if asks else reading, before)
