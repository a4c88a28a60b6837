"""Small problems that tests share."""

import torch
from planning_reference import SQUARE

from aign.scenarios.ip_optical_planning.economics import Economics
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.survivability import Survivability


def square(failures=True, protected=1.0, most=4, fibre=0.0):
    """Return a problem on the square whose modules carry 4, its prices and its oracle."""
    problem = Problem(SQUARE, 4.0, failures, protected, most)
    return problem, Economics(problem, 5.0, fibre), Survivability(problem)


def demands(count, seed=0, high=6.0):
    """Return demands (count, 4) on the square."""
    return high * torch.rand(count, 4, generator=torch.Generator().manual_seed(seed))


def plans(count, most=4, seed=0):
    """Return whole plans (count, 5) on the square."""
    return torch.randint(0, most + 1, (count, 5), generator=torch.Generator().manual_seed(seed)).double()
