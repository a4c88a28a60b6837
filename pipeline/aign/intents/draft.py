"""A request while it is read: fields, the words they come from, and questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aign.intents.items import Item
from aign.intents.reading import Question, Span
from aign.intents.vocabulary import Vocabulary
from aign.scenarios.core.constraints import Constraint


@dataclass
class Draft:
    """What has been read so far.

    Attributes:
        text: the sentence.
        vocabulary: of the network.
        constraints: in the order said.
        objectives: such as "min cost", in the order said.
        fields: other fields of the request, by name.
        said: pieces understood; questions: what is not.
        used: places of all pieces that something was read of, or that were asked about.
    """

    text: str
    vocabulary: Vocabulary
    constraints: list[Constraint] = field(default_factory=list)
    objectives: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    said: list[Span] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    used: set[tuple[int, int]] = field(default_factory=set)

    def understand(self, pieces: Iterable[Item], meaning: str) -> None:
        """Note what pieces of the sentence were read as."""
        pieces = sorted(pieces, key=lambda piece: piece.start)
        self.used |= {(piece.start, piece.end) for piece in pieces}
        start, end = pieces[0].start, max(piece.end for piece in pieces)
        self.said.append(Span(start, end, self.text[start:end], meaning))

    def ask(self, pieces: Sequence[Item], question: str, choices: Iterable[str] = (), after: bool = False) -> None:
        """Ask about pieces of the sentence; after: an answer comes behind them, else in their place."""
        self.used |= {(piece.start, piece.end) for piece in pieces}
        start, end = min(piece.start for piece in pieces), max(piece.end for piece in pieces)
        self.questions.append(Question(question, tuple(choices), end if after else start, end))

    def constrain(self, pieces: Sequence[Item], *constraints: Constraint) -> None:
        """Take in constraints that pieces of the sentence say."""
        self.constraints += constraints
        self.understand(pieces, ", ".join(map(str, constraints)))

    def set(self, pieces: Sequence[Item], name: str, value: Any) -> None:
        """Take in a field; asks where it was said before with another value."""
        if name in self.fields and self.fields[name] != value:
            self.ask(pieces, f"Which {name}: {self.fields[name]} or {value}?")
            return
        self.fields[name] = value
        self.understand(pieces, f"{name} {value}")

    def aim(self, pieces: Sequence[Item], objective: str) -> None:
        """Take in an objective."""
        if objective not in self.objectives:
            self.objectives.append(objective)
        self.understand(pieces, objective)

    def ask_of_unused(self, pieces: Iterable[Item]) -> None:
        """Ask about every number that nothing was read of: none is ever dropped."""
        for piece in pieces:
            if piece.kind == "number" and (piece.start, piece.end) not in self.used:
                self.ask([piece], f"What does {self.words([piece])!r} mean here?")

    def words(self, pieces: Sequence[Item]) -> str:
        """Return the sentence's words from the first to the last of some pieces."""
        return self.text[min(piece.start for piece in pieces):max(piece.end for piece in pieces)]
