"""Requests drawn at random over all that a request can say, for a network: an unlimited corpus for the reader."""

import random
from dataclasses import replace

from aign.designs.events import context_names, failing
from aign.designs.requests import MOST_DESIGNS, SEEDS, Request
from aign.scenarios.core.constraints import Constraint

FILES = ("now.json", "plans/today.yaml", "M.csv", "my plan.json", 'a "b".json', "it's.yml", "ctx", "d\u00eda.json",
         "300.json")


def drawn(scenario, seed):
    """Return a request in the reader's spelling."""
    random_ = random.Random(seed)
    where = [text for label in random_.sample(scenario.labels, random_.randint(0, min(4, len(scenario.labels))))
             for text in _bounds(label.name, random_)]
    labels = random_.sample(scenario.labels, random_.randint(0, min(3, len(scenario.labels))))
    objective = [f"{random_.choice(('min', 'max'))} {label.name}" for label in labels]
    if random_.random() < 0.3:
        objective.insert(random_.randint(0, len(objective)), "utility")
    context = random_.choice(("preset", "file", "drawn") if scenario.presets else ("file", "drawn"))
    count = random_.choice((16, 1, random_.randint(1, 99), random_.randint(1, MOST_DESIGNS)))
    request = Request(tuple(where), random_.choice(list(scenario.presets)) if context == "preset" else None,
                      random_.choice(FILES) if context == "file" else None,
                      random_.choice((None, 0, random_.randrange(SEEDS))), count,
                      random_.choice((None, None, *FILES)), tuple(objective),
                      random_.choice((None, random_.randint(1, count))))
    struck = request.start is not None and scenario.designs_transfer
    return replace(request, event=_events(scenario, random_)) if struck else request


def _events(scenario, random_):
    """Return up to two events, as they are written."""
    feature = random_.choice(scenario.context_features)
    whose = random_.choice(("", f" of {random_.choice(context_names(scenario, feature))}"))
    change = random_.choice((f"+{random_.randint(1, 300)}%", f"-{round(random_.uniform(0, 99), 2):g}%", "*0.5", "= 3"))
    every = (f"{random_.choice(list(failing(scenario)))} fails", f"{feature.name}{whose} {change}",
             f"{random_.choice(scenario.labels).name}>={round(random_.random(), 3)}")
    return tuple(random_.sample(every, random_.randint(0, 2)))


def _bounds(name, random_):
    low, high = sorted((_threshold(random_), _threshold(random_)))
    sides = random_.choice((("<=",), (">=",), ("<",), (">",), (">=", "<=")))
    return [str(Constraint(name, side, float(high if side in ("<=", "<") else low))) for side in sides]


def _threshold(random_):
    kind = random_.choice(("whole", "decimal", "share", "any", "large"))
    if kind == "whole":
        return random_.randint(0, 1000)
    if kind == "decimal":
        return round(random_.uniform(-50, 500), random_.randint(1, 6))
    if kind == "share":
        return round(random_.random(), 2)
    return random_.uniform(-1, 1) * 10.0 ** random_.randint(-12, 12) if kind == "any" else random_.randint(10**4, 10**9)
