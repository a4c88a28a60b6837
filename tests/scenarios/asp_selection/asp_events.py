"""The same network told as events: a list of running tasks, one network, plain Python; and small problems."""

import itertools

import torch

from aign.scenarios.asp_selection import AspSelection


def runtime(demand):
    return 60 * (0.001 * demand**2 + 2.5 * demand - 14)


def curve(demand, lower, upper, height):
    if demand < lower:
        return 0.0
    return height if demand > upper else height / (upper - lower) * (demand - lower)


def episode(scenario, context, decisions):
    """Return rewards, free shares before each decision and after the last, crashes and lost tasks."""
    size, values = scenario.size, context.double().tolist()
    capacity, lower, upper, height = (values[k * size:(k + 1) * size] for k in range(4))
    arrivals, demands = values[4 * size:4 * size + scenario.horizon], values[4 * size + scenario.horizon:]
    running, rewards, free, crashes, lost = [], [], [], 0, 0
    for now, demand, choice in zip(arrivals, demands, decisions, strict=True):
        running = [one for one in running if one["end"] > now]
        used = [sum(one["demand"] for one in running if one["place"] == place) for place in range(size)]
        free.append([1 - used[place] / capacity[place] for place in range(size)])
        if demand <= capacity[choice] - used[choice]:
            rewards.append(curve(demand, lower[choice], upper[choice], height[choice]))
            running.append({"place": choice, "demand": demand, "start": now, "end": now + runtime(demand)})
            continue
        hit = [one for one in running if one["place"] == choice]
        rewards.append(-2 - sum(2 * (1 - (now - one["start"]) / (one["end"] - one["start"])) for one in hit))
        running = [one for one in running if one["place"] != choice]
        crashes, lost = crashes + 1, lost + 1 + len(hit)
    used = [sum(one["demand"] for one in running if one["place"] == place) for place in range(size)]
    free.append([1 - used[place] / capacity[place] for place in range(size)])
    return rewards, free, crashes, lost


def small(tasks=6, providers=2):
    return AspSelection.create(tasks=tasks, providers=providers, fleet="drawn")


def hurried(scenario, count, seed, pace=0.15):
    """Return contexts in which tasks arrive so fast that small fleets are overloaded."""
    contexts = scenario.draw_contexts(count, torch.Generator().manual_seed(seed))
    arrivals = slice(4 * scenario.size, 4 * scenario.size + scenario.horizon)
    contexts[:, arrivals] = (pace * contexts[:, arrivals]).round()
    return scenario.check_contexts(contexts)


def best_of_all(scenario, context):
    """Return the largest utility over every sequence of decisions, those that crash included."""
    every = torch.tensor(list(itertools.product(range(scenario.size), repeat=scenario.horizon)), dtype=torch.float32)
    return float(scenario.utility(context.expand(len(every), -1), every).max())
