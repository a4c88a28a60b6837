"""Independent truth: the published equations in plain Python, and every assignment tried."""

import itertools
import math


def rate(power, interference):
    """Return bit/s of a squared gain."""
    return 8e7 * math.log2(1 + 0.3 * power / (7.96159e-13 + 0.3 * interference))


def cost(tasks, gain, server, energy="published", interference="published"):
    """Return the cost of each user.

    Args:
        tasks: (size [Mbit], speed [GHz], weight) of each user.
        gain: gain[user][server].
        server: of each user, from 1; 0 locally.
    """
    costs = []
    shares = [{user: math.sqrt(work(tasks[user])) for user in range(len(tasks)) if server[user] == place}
              for place in range(len(gain[0]) + 1)]
    for user, (size, speed, weight) in enumerate(tasks):
        bits, cycles, hertz = size * 1e6, 3e9 * size, speed * 1e9
        place = server[user]
        if place == 0:
            joules = 1e-28 * hertz**2 * (bits if energy == "published" else cycles)
            costs.append(weight * cycles / hertz + (1 - weight) * joules)
            continue
        heard = [(other, row[place - 1] ** 2) for other, row in enumerate(gain)]
        among = (sum(power for _, power in heard) if interference == "published" else
                 sum(power for other, power in heard if server[other] == place and other != user))
        upload = bits / rate(gain[user][place - 1] ** 2, among)
        share = shares[place][user] / sum(shares[place].values())
        costs.append((weight + 0.3 * (1 - weight)) * upload + work(tasks[user]) / share)
    return costs


def work(task):
    """Return w of a task."""
    size, _, weight = task
    return (weight + 0.15 * (1 - weight)) * 3e9 * size / 33.6e9


def assignments(gain):
    """Yield every assignment within reach."""
    options = [[0, *(place + 1 for place, value in enumerate(row) if value > 0)] for row in gain]
    yield from itertools.product(*options)


def parts(scenario, context):
    """Return tasks and gains of a context as plain numbers."""
    size, speed, weight, gain = (part[0].tolist() for part in scenario.layout.split(context[None])[:4])
    return list(zip(size, speed, weight, strict=True)), gain
