"""Power allocation written down a second time, user by user in plain Python and NumPy, as the truth of these tests."""

import math

import numpy as np
import torch

ALPHA, BANDWIDTH, PRICE, LEVELS, FLOOR = 6.948, 423.1, 0.2206, 40, 0.01


def sinr(gains, powers):
    """SINR of each user by a double loop; gains[user][station], powers[user]."""
    result = []
    for user, row in enumerate(gains):
        station = max(range(len(row)), key=lambda j: row[j])
        interference = sum(gains[other][station] * powers[other] for other in range(len(gains)) if other != user)
        result.append(row[station] * powers[user] / (1 + interference))
    return np.array(result)


def rates(gains, powers):
    return np.array([BANDWIDTH * math.log1p(ratio) / math.log(2) for ratio in sinr(gains, powers)])


def utility(gains, powers, kind="log"):
    revenue = sum(math.log(max(rate, FLOOR)) if kind == "log" else rate for rate in rates(gains, powers))
    return ALPHA * revenue - PRICE * sum(powers)


def labels(gains, powers):
    ratio, rate, total = sinr(gains, powers), rates(gains, powers), sum(powers)
    return {
        "total_power": total, "max_power": max(powers), "min_rate": min(rate),
        "min_sinr_db": 10 * math.log10(min(ratio)) if min(ratio) > 1e-10 else -100.0,
        "jain_fairness": sum(rate) ** 2 / (len(rate) * sum(rate**2)) if total > 0 else 1 / len(rate),
        "energy_efficiency": sum(rate) / total if total > 0 else 0.0,
    }


def all_designs(users, levels=range(LEVELS + 1)):
    """Every design, (len(levels)^users, users) float32."""
    return torch.cartesian_prod(*[torch.tensor(list(levels), dtype=torch.float32)] * users)


def spread_gains(count, users, stations, generator, low=1e-4, high=1e-1):
    """Gains (count, users * stations), log-uniform: far wilder than what the scenario draws."""
    span = math.log(high / low)
    return low * torch.exp(span * torch.rand(count, users * stations, generator=generator))


def as_rows(context, users):
    """A context as plain numbers gains[user][station]."""
    return context.double().reshape(users, -1).tolist()
