"""One clause of a sentence: its objective, its constraints, and what in it is not understood."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from aign.intents.bounds import SPOKEN, Comparison, bound, candidates, counts_harm
from aign.intents.draft import Draft
from aign.intents.items import Item
from aign.scenarios.core.constraints import OPPOSITE, Constraint

UTILITY = "utility"


def clauses(items: Sequence[Item]) -> list[list[Item]]:
    """Return the items of each clause; "with" and such begin one only where something was said before."""
    result: list[list[Item]] = [[]]
    for item in items:
        said = any(before.kind in ("number", "optimise", "tighter", "move", "drop") or _whole(before)
                   for before in result[-1]) or (len(result) > 1 and {each.kind for each in result[-1]} == {"label"} and any(
                       before.kind == "optimise" for before in result[-2]))
        if item.kind == "cut" or (item.kind == "soft cut" and said):
            result.append([])
        elif item.kind != "soft cut":
            result[-1].append(item)
    return [clause for clause in result if clause]


def _whole(item: Item) -> bool:
    return item.kind == "label" and any(phrase.value is not None for phrase in item.phrases)


class Clause:
    """Reads one clause into a draft, in the light of the one before."""

    def __init__(self, draft: Draft, items: Sequence[Item], before: Clause | None) -> None:
        self.draft, self.before = draft, before
        self.items = _with_extremes([item for item in items if item.kind != "skip"])
        self.direction: str | None = None
        self.labels: set[str] = set()
        """Names of the labels that it has read something of."""
        self.bounded: tuple[str, Comparison] | None = None
        """The last label bounded, and how."""

    def read(self) -> None:
        """Read everything in the clause."""
        self._wholes()
        self._objectives()
        self._ranges()
        while any(item.kind == "number" for item in self.items):
            self._number()
        self._none()
        self._left()

    def _take(self, *taken: Item) -> None:
        self.items = [item for item in self.items if not any(item is piece for piece in taken)]

    def _wholes(self) -> None:
        """Read phrases that are a whole constraint, such as "N-1 secure"."""
        for item in [item for item in self.items if _whole(item)]:
            phrase = next(phrase for phrase in item.phrases if phrase.value is not None)
            place = next(place for place, other in enumerate(self.items) if other is item)
            if place and self.items[place - 1].kind == "no":
                self.draft.ask(self.items[place - 1:place + 1], f"What is meant by {self.draft.words(self.items[place - 1:place + 1])!r}?")
            else:
                self.draft.constrain([item], Constraint(phrase.label, phrase.side or ">=", phrase.value or 0.0))
            self.labels.add(phrase.label)
            self._take(item, *(self.items[place - 1:place] if place and self.items[place - 1].kind == "no" else []))

    def _objectives(self) -> None:
        """Read "minimise the cost", "cheapest", "lowest total power"; a label alone goes on with the direction before."""
        for item in [item for item in self.items if item.kind == "optimise"]:
            place = next(place for place, other in enumerate(self.items) if other is item)
            labels = self._run(place + 1, 1) or self._run(place - 1, -1)
            self._aim([item], labels, str(item.value), asks=True)
        kinds = {item.kind for item in self.items}
        inherited = self.before.direction if self.before is not None else None
        if kinds == {"label"} and inherited is not None and self.direction is None:
            self._aim([], list(self.items), inherited, asks=False)
        elif "number" not in kinds:
            for first, second in zip(self.items, self.items[1:], strict=False):
                if first.kind == "compare" and first.value == ">=" and second.kind == "label":  # at least cost
                    names = candidates([second], None)
                    if all(self.draft.vocabulary.label(name).better == "lower" for name in names):
                        self._aim([first], [second], "min", asks=True)
                        break

    def _run(self, place: int, step: int) -> list[Item]:
        labels: list[Item] = []
        while 0 <= place < len(self.items) and (self.items[place].kind == "label" or _says_utility(self.items[place])):
            labels.append(self.items[place])
            place += step
        return labels

    def _aim(self, pieces: Sequence[Item], labels: Sequence[Item], direction: str, asks: bool) -> None:
        """Read one objective."""
        draft, spoken = self.draft, self.draft.vocabulary
        self.direction = direction
        self._take(*pieces, *labels)
        everything = [*pieces, *labels]
        if labels and all(_says_utility(item) for item in labels):
            if direction == "min":
                draft.ask(everything, "The utility is what is worth most. Is it to be maximised?", ("maximise the utility",))
            else:
                draft.aim(everything, UTILITY)
            return
        possible = candidates(labels, None)
        names = [name for name in possible if not all(phrase.vague for phrase in possible[name])]
        self.labels |= set(possible)
        if len(names) != 1:
            choices = list(possible) or [label.name for label in spoken.labels]
            way = {"min": "minimise the ", "max": "maximise the "}.get(direction, "best ")
            draft.ask(everything, f"What is to be the best in {draft.words(everything)!r}?",
                      [way + spoken.spoken(name) for name in choices])
            return
        better = "min" if spoken.label(names[0]).better == "lower" else "max"
        if not asks and direction not in ("best", better):
            draft.ask(everything, f"What of the {spoken.spoken(names[0])}?",
                      [f"{way} the {spoken.spoken(names[0])}" for way in ("minimise", "maximise")])
            return
        self._take(*(item for item in self.items if item.kind == "label" and item.start < everything[0].start
                     and names[0] in candidates([item], None)))
        draft.aim(everything, f"{better if direction == 'best' else direction} {names[0]}")

    def _ranges(self) -> None:
        """Read "between 5 and 10", whose numbers come in one item; see `reader`."""
        for item in [item for item in self.items if item.kind == "range" and isinstance(item.value, tuple)]:
            low, high = item.value
            labels = [other for other in self.items if other.kind == "label"]
            self._take(item)
            if bound(self.draft, low, labels, ">=", [item]) and bound(self.draft, high, labels, "<=", [item]):
                self._note(labels)
            self._take(*labels)
        self._take(*(item for item in self.items if item.kind == "range"))

    def _number(self) -> None:
        """Read the first number left, with the comparison and the labels that belong to it."""
        place = next(place for place, item in enumerate(self.items) if item.kind == "number")
        number = self.items[place]
        following = next((later for later in range(place + 1, len(self.items))
                          if self.items[later].kind == "number"), len(self.items))
        earlier, later = self.items[:place], self.items[place + 1:following]
        comparison = next((item for item in reversed(earlier) if item.kind == "compare"), None)
        if comparison is None:
            comparison = next((item for item in later if item.kind == "compare"), None) if following == len(
                self.items) or not _compares_before(self.items, following) else None
        labels = [item for item in earlier if item.kind == "label"]
        if not labels or following == len(self.items):
            behind = [item for item in later if item.kind == "label"]
            labels = _agreeing(labels, behind) if labels else behind
        negations = [item for item in earlier if item.kind == "no"] if comparison is not None else []
        same = [item for item in earlier if comparison is not None and item.kind == "compare"
                and item.value == comparison.value and not negations]
        sense: Comparison | None = None if comparison is None else str(comparison.value)
        if sense in OPPOSITE and len(negations) % 2:
            sense = OPPOSITE[sense]
        rest = [*same, *([comparison] if comparison is not None and comparison not in same else []), *negations]
        self._take(number, *labels, *rest)
        if not labels and self._goes_on(number, sense):
            labels = list(self.before.last if self.before is not None else ())
            rest = [*rest]
            self._bound(number, labels, sense, rest, inherited=True)
        else:
            self._bound(number, labels, sense, rest)

    def _bound(self, number: Item, labels: Sequence[Item], sense: Comparison | None, rest: Sequence[Item],
               inherited: bool = False) -> None:
        count = len(self.draft.constraints)
        if bound(self.draft, number, labels, sense, rest):
            self._note(labels)
            read = self.draft.constraints[count:]
            self.labels |= {constraint.label for constraint in read}
            self.bounded = read[-1].label, read[-1].side[1]
        self.labels |= {phrase.label for item in labels for phrase in item.phrases}

    last: Sequence[Item] = ()
    """The label items of the last bound."""

    def _note(self, labels: Sequence[Item]) -> None:
        self.last = tuple(labels)

    def _goes_on(self, number: Item, sense: Comparison | None) -> bool:
        """Return whether a bound without a label belongs to the label before: "at least 100 and at most 300"."""
        before = self.before.bounded if self.before is not None else None
        if before is None or sense is None or sense == "=" or any(item.kind == "word" for item in self.items):
            return False
        upper = sense in ("<", "<=")
        return (before[1] == "<=") != upper and (number.factors is None or before[0] in number.factors)

    def _none(self) -> None:
        """Read "no crashes": none of what is counted and better less."""
        for negation, label in zip(self.items, self.items[1:], strict=False):
            if negation.kind == "no" and label.kind == "label":
                names = [name for name, phrases in candidates([label], "<=").items()
                         if not all(phrase.vague for phrase in phrases)]
                if len(names) == 1 and counts_harm(self.draft, names[0]):
                    self.draft.constrain([negation, label], Constraint(names[0], "<=", 0.0))
                    self.labels.add(names[0])
                    self.bounded = names[0], "<="
                    self._take(negation, label)
                    return self._none()
        return None

    def _left(self) -> None:
        """Ask about everything that nothing was read of, except another word for a label that something was read of."""
        draft = self.draft
        for item in self.items:
            if item.kind == "label" and {phrase.label for phrase in item.phrases} & self.labels:
                continue
            text = draft.words([item])
            if item.kind == "label":
                spoken = [draft.vocabulary.spoken(name) for name in candidates([item], None)]
                draft.ask([item], f"What of {text!r}? Say a bound, or that it is to be the best.",
                          [f"best {name}" for name in spoken])
            elif item.kind == "compare":
                draft.ask([item], f"{SPOKEN.get(str(item.value), text).capitalize()} how much, and of what?")
            elif item.kind == "or":
                draft.ask([item], "A request cannot say 'or': all that it asks for has to hold. Ask twice instead?", ("and",))
            else:
                draft.ask([item], f"What does {text!r} mean here?", near(text, draft))


def near(text: str, draft: Draft) -> list[str]:
    """Return the labels whose words are like a word that is not known; all where none is."""
    import difflib

    spoken = [draft.vocabulary.spoken(label.name) for label in draft.vocabulary.labels]
    alike = [name for name in spoken if difflib.get_close_matches(text.lower(), re.split(r"[\s-]", name), 1, 0.7)]
    return alike or spoken


def _says_utility(item: Item) -> bool:
    return item.kind == "word" and str(item.value).lower() == UTILITY


def _compares_before(items: Sequence[Item], place: int) -> bool:
    return place > 0 and items[place - 1].kind in ("compare", "no")


def _agreeing(labels: Sequence[Item], behind: Sequence[Item]) -> list[Item]:
    """Return the labels before a number with those behind it that can mean the same."""
    agreeing = list(labels)
    for item in behind:
        if candidates([*agreeing, item], None):
            agreeing.append(item)
    return agreeing


def _with_extremes(items: Sequence[Item]) -> list[Item]:
    """Return the items with "minimum" and "maximum" as comparison where a number stands beside, else as direction."""
    result = []
    for place, item in enumerate(items):
        if item.kind == "extreme":
            beside = [*items[max(place - 1, 0):place], *items[place + 1:place + 2]]
            number = any(other.kind == "number" for other in beside)
            sense = ">=" if item.value == "min" else "<="
            item = replace(item, kind="compare", value=sense) if number else replace(item, kind="optimise")
        result.append(item)
    return result
