"""The words that mean the same in every network: comparisons, directions, what is counted, and what means nothing."""

from __future__ import annotations

from typing import Literal

from aign.intents.tokens import stems
from aign.scenarios.core.constraints import Sense

Mark = Literal["compare", "optimise", "extreme", "no", "spread", "seed", "preset", "range", "skip", "cut", "soft cut",
               "or", "drop", "move", "scale", "reset"]
"""What a closed phrase is; its text says which."""


def _set(text: str) -> frozenset[str]:
    return frozenset(stem for word in text.split() for stem in stems(word))


ARTICLES = frozenset({"a", "an", "the"})
FILLERS = _set("""
    a an the of to be is are was were will would shall should must may might can could do does has have had having
    get gets getting got i we you it its our my your us me them they he she who which that this number these those
    there what please want wants wanted like need needs let lets so such as in on at by from into per use using give
    show make makes keep keeps kept stay stays stayed hold holds designed find ensure take takes takes look looks go
    goes going network networks topology topologies solution thing things case very way still enough really just
    also then now if possible for good sure run mind me see fine share content among build built offer propose
    proposed proposal value values allocate allocation people end ends set put carry carries remain remains come
    comes fall falls allow allowed reach reaches i'd i'll we'd we'll it's that's let's today
    currently""")
"""They carry no meaning in a request, so they are left out of sentences and of phrases alike."""
SOFT = _set("all every each any some single whole only different both own") | {":", "-", "(", ")", "?", "!", "'", '"'}
"""They may belong to a phrase; where they belong to none, they mean nothing."""
REPLACED = {("no", "one"): "no user", ("nobody",): "no user", ("everyone",): "every user",
            ("everybody",): "every user", ("anyone",): "any user", ("anybody",): "any user"}
"""Words that mean the network's users, to whom labels are declared."""
NOUNS = _set("""
    design menus option alternative menu plan schedule allocation assignment variant proposal solution answer
    configuration candidate possibility suggestion""")
"""What is counted where the number of designs is said."""

COMPARISONS: dict[Sense | Literal["="], str] = {
    "<=": """at most; at the most; up to; within; less than or equal to; lower than or equal to; below or equal to;
        smaller than or equal to; or less; or fewer; or lower; or below; or under; or smaller; cap; capped; limit;
        limited; budget; ceiling; available; upper limit; upper bound; ≤; <=; maximally; tops""",
    ">=": """at least; or more; or higher; or better; or above; or greater; or larger; or over; or longer; floor;
        guarantee; greater than or equal to; more than or equal to; higher than or equal to; lower limit; lower
        bound; ≥; >=; no matter what at least""",
    "<": """less than; fewer than; below; under; lower than; smaller than; shorter than; cheaper than; <; beneath; short
        of; faster than""",
    ">": """more than; greater than; higher than; larger than; longer than; fuller than; above; over; exceed; exceeding;
        beyond; >; better than; upwards of""",
    "=": "exactly; equal to; equals; equal; precisely; =; the same as",
}
EXTREMES: dict[Literal["min", "max"], str] = {
    "min": "minimum; min.; min; minimal", "max": "maximum; max.; max; maximal"}
"""A bound where a number belongs to them, else a direction."""
DIRECTIONS: dict[Literal["min", "max", "best"], str] = {
    "min": """minimise; minimize; minimising; minimizing; lowest; least; smallest; fewest; shortest; as low as possible;
        as little as possible; as few as possible; as small as possible; as short as possible; how low can; how
        little; how few; as low; as little; as few; save as much; save; at minimum""",
    "max": """maximise; maximize; maximising; maximizing; highest; largest; greatest; most; as high as possible; as much
        as possible; as many as possible; as large as possible; how high can; how much; how many; as much; as many;
        as high; at maximum""",
    "best": """best; optimal; optimise; optimize; trade off; trade-off; tradeoff; trade-off between; trade off between;
        front; front of; balance between; as far as possible; as well as possible; as good as possible; as""",
}
OTHERS: dict[Mark, str] = {
    "no": """no; not; without; never; none; nor; zero of; cannot; can't; don't; doesn't; won't; mustn't; shouldn't; not
        any; not a single; neither""",
    "spread": """most different; as different as possible; differ as much as possible; as diverse as possible; most
        diverse; spread out""",
    "seed": "seed; random seed",
    "preset": "preset; presets",
    "range": "between; from",
    "or": "or; either; unless",
    "skip": "as possible",
    "cut": "and; but; if; while; where; when; plus; although; yet; because; &",
    "soft cut": "with; given; against; versus; vs; under the condition",
}
STARTS = _set("start starting stands stand deployed installed running existing old current")
"""Before a file, they say that it holds what is deployed."""
CONTEXTS = _set("context traffic matrix demand gain market arrivals situation conditions load file")
"""Before a file, they say that it describes the network; beside a preset's name, that it is one."""
PRESETS = CONTEXTS | _set("preset case setting network instance")

CHANGES: dict[Mark, str] = {
    "reset": "reset; start over; begin again; from scratch",
    "drop": """drop; remove; delete; forget; forget about; ignore; lift; without; take away; take out; no limit on; no
        bound on; no longer; skip""",
}
MOVES: dict[Literal["relax", "tighten", "raise", "lower"], str] = {
    "relax": "relax; loosen; ease; soften; weaken", "tighten": "tighten; sharpen; harden",
    "raise": "raise; increase; lift to; more; extra; additional; higher; up by",
    "lower": "lower; reduce; decrease; cut; fewer; less; down by"}
SCALES: dict[float, str] = {0.5: "halve", 2.0: "double", 3.0: "triple", 1 / 3: "third of"}
REFINE_FILLERS = _set("""
    instead now add also only but change everything else rest same again please bit constraint bound limit requirement
    objective condition about""")
