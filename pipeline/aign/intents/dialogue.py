"""A dialogue: what was said, and the request after each turn, as JSON; to replay it needs neither words nor a model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from aign.designs.requests import Request
from aign.errors import ParameterError
from aign.files.writing import json_text, write_text
from aign.intents.reader import read
from aign.intents.reading import Reading, answered, reading
from aign.intents.refinement import refine
from aign.scenarios.core.scenario import Scenario

UNDO = re.compile(r"\s*(?:please\s+)?(?:undo|go back|take (?:that|it) back|back)(?:\s+please)?\s*[.!]?\s*",
                  re.IGNORECASE)
FROM_DESIGN = re.compile(r"\s*(?:please\s+)?(?:start|go on|continue)\s+(?:from|with)\s+(?:the\s+)?(?:design|option)\s+"
                         r"(?:no\.?\s*|number\s+)?(\d+)\s*[.!]?\s*", re.IGNORECASE)
COMMAND = "`aign ask --dialogue`"
CONTENT = f"a dialogue that {COMMAND} wrote"
MOST_TURNS = 1_000


@dataclass(frozen=True)
class Turn:
    """What was said, and the request after it; None where something has still to be answered."""

    said: str
    request: Request | None


@dataclass(frozen=True)
class Dialogue:
    """Turns with one network.

    Attributes:
        network: name and parameters, as `Scenario.spec` gives them.
        turns: so far.
    """

    network: Mapping[str, Any]
    turns: tuple[Turn, ...] = ()

    @property
    def request(self) -> Request | None:
        """The request as it stands now; None before the first."""
        return next((turn.request for turn in reversed(self.turns) if turn.request is not None), None)

    def say(self, text: str, scenario: Scenario[Any],
            designs: Sequence[Sequence[float]] = ()) -> tuple[Dialogue, Reading]:
        """Return the dialogue after another sentence, and its reading.

        The first sentence, and any until one is understood, is a request; where the last one was asked about, a text
        may also answer its first question; every other sentence changes the request.

        Args:
            text: what is said.
            scenario: the network.
            designs: of the last answer, best first, for "start from design 3".
        """
        if UNDO.fullmatch(text):
            return self._undone(text)
        picked = FROM_DESIGN.fullmatch(text)
        if picked is not None and self.request is not None:
            return self._from_design(text, int(picked[1]), designs)
        told = self._open(text, scenario)
        if told is None:
            told = read(text, scenario) if self.request is None else refine(self.request, text, scenario)
        return replace(self, turns=(*self.turns, Turn(told.text, told.request))), told

    def _open(self, text: str, scenario: Scenario[Any]) -> Reading | None:
        """Return the reading of the last sentence with the text as the answer to its first question; None where the
        last sentence was understood, or this is no answer to it.
        """
        if not self.turns or self.turns[-1].request is not None:
            return None
        before = replace(self, turns=self.turns[:-1]).request
        last = self.turns[-1].said

        def again(said: str) -> Reading:
            return read(said, scenario) if before is None else refine(before, said, scenario)
        open_questions = again(last).questions
        if not open_questions or again(text).request is not None:  # a sentence that stands for itself
            return None
        told = again(answered(again(last), open_questions[0], text))
        return told if len(told.questions) < len(open_questions) else None

    def understood(self, request: Request | None) -> Dialogue:
        """Return the dialogue with the request that its last turn was found to mean after all."""
        return replace(self, turns=(*self.turns[:-1], replace(self.turns[-1], request=request)))

    def _undone(self, text: str) -> tuple[Dialogue, Reading]:
        """Return the dialogue without its last turn."""
        shorter = replace(self, turns=self.turns[:-1])
        return shorter, reading(text, shorter.request, (), ())

    def _from_design(self, text: str, number: int,
                     designs: Sequence[Sequence[float]]) -> tuple[Dialogue, Reading]:
        """Return the dialogue with a design of the last answer as what is deployed.

        Raises:
            ParameterError: there is no such design.
        """
        if not 1 <= number <= len(designs):
            raise ParameterError(f"{text!r}: the last answer has {len(designs)} designs. Name one of them, or ask for "
                                 "designs first.")
        assert self.request is not None
        request = replace(self.request, start=tuple(map(float, designs[number - 1])))
        return replace(self, turns=(*self.turns, Turn(text, request))), reading(text, request, (), ())

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"network": dict(self.network), "turns": [
            {"said": turn.said, "request": None if turn.request is None else to_json(turn.request)}
            for turn in self.turns]}

    @classmethod
    def from_json(cls, content: Any) -> Dialogue:
        """Return the dialogue of JSON values.

        Raises:
            ParameterError: they are none.
        """
        try:
            turns = tuple(Turn(str(turn["said"]), None if turn["request"] is None else from_json(turn["request"]))
                          for turn in content["turns"][:MOST_TURNS])
            return cls(dict(content["network"]), turns)
        except (LookupError, TypeError, ValueError):
            raise ParameterError(f"This is not {CONTENT}.") from None

    def save(self, path: Path) -> None:
        """Write the dialogue as JSON."""
        write_text(path, json_text(self.to_json()))

    @classmethod
    def load(cls, path: Path) -> Dialogue:
        """Read the dialogue of a file.

        Raises:
            ParameterError: there is none, or something else is in it.
        """
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (ParameterError, OSError, ValueError) as error:
            raise ParameterError(f"{path}: holds no dialogue ({error}). Name a file that {COMMAND} wrote, or one that "
                                 "does not exist yet, to begin a new one.") from None


def to_json(request: Request) -> dict[str, Any]:
    """Return a request as plain JSON values; files by their names."""
    values = asdict(request)
    return {name: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
            for name, value in values.items()}


def from_json(content: Any) -> Request:
    """Return the request of JSON values.

    Raises:
        ParameterError: a field is unknown, or its value is none.
    """
    names = {each.name for each in fields(Request)}
    if not isinstance(content, Mapping) or not set(content) <= names:
        raise ParameterError(f"A request has the fields {', '.join(sorted(names))}; given {content!r}.")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value
                              for name, value in content.items()}
    checks = {"where": tuple, "objective": tuple, "event": tuple, "count": int, "seed": int | None,
              "spread": int | None, "preset": str | None}
    for name, value in values.items():
        if name in checks and (not isinstance(value, checks[name]) or isinstance(value, bool)):
            raise ParameterError(f"{name} = {value!r}: of the wrong type.")
    return Request(**values)
