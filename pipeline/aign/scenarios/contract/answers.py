"""Certificates and repairs: closed form where it meets the request, linear programs context by context elsewhere.

Axes: B networks, Q types, X = 2Q design values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from aign.scenarios.contract.menu import Market
from aign.scenarios.contract.optimum import aligned, best_menu, indifference, valid
from aign.scenarios.contract.program import EXACT, Found, Menu, Program
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, satisfied

if TYPE_CHECKING:
    from aign.scenarios.contract.scenario import Contract

STATEMENT = ("Optimum of the screening problem with ironing, attained up to 1e-3 credit (rewards are multiples of "
             "2^-16, choices tolerate 1e-6); under constraints the value of a linear program that never falls below "
             "it.")


def certify(scenario: Contract, contexts: Tensor, constraints: Sequence[Constraint]) -> Certificate:
    """Return the certificate of every context (B, C).

    It is an upper bound for the constraints of `program.EXACT` with reward by self-selection. For others, and with
    penalties, the best menu found by the same programs is returned as best known.
    """
    market = scenario.market(contexts)
    best, served, speed, reward = best_menu(market)
    bound = best + indifference(market)
    design = torch.cat(aligned(market, served, speed, reward), 1).float()
    feasible = satisfied(constraints, scenario.measure(contexts, design), len(design))
    feasible &= design.amax(1) <= max(scenario.parameters.reward_max, scenario.parameters.x_max)
    feasible &= design[:, scenario.parameters.types] <= scenario.parameters.reward_max
    impossible, prices = torch.zeros_like(feasible), {one: torch.zeros_like(bound) for one in constraints}
    for row in (~feasible).nonzero()[:, 0].tolist():
        here = slice(row, row + 1)
        value, menu, found = _solved(scenario, contexts[here], constraints)
        bound[row], impossible[row] = value, found is None
        design[row] = menu[0]
        feasible[row] = _meets(scenario, contexts[here], menu, constraints)
        for one in constraints:
            prices[one][row] = found.prices.get(one, torch.nan) if found else 0.0
    exact = all(one.side in EXACT for one in constraints)
    if not exact or (constraints and scenario.parameters.reward == "penalty"):
        utility = scenario.utility(contexts, design).where(feasible, torch.nan)
        return Certificate(utility, design, feasible, CertificateKind.BEST_KNOWN, "Best menu found by linear "
                           "programs; for these constraints it is not proven that no other menu is better.")
    return Certificate(bound, design, feasible, CertificateKind.UPPER_BOUND, STATEMENT, prices, impossible)


def project(scenario: Contract, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Return valid menus near the designs (B, X), each that breaks the request replaced by the nearest that meets it,
    where there is one.
    """
    types, given = scenario.parameters.types, designs
    designs = torch.cat(valid(scenario.market(contexts), *given.double().split(types, 1)), 1).to(given.dtype)
    broken = ~satisfied(constraints, scenario.measure(contexts, designs), len(designs))
    for row in broken.nonzero()[:, 0].tolist():
        here = slice(row, row + 1)
        speed, reward = given[row].double().cpu().split(types)
        for program in _programs(scenario, contexts[here], constraints, strict=True):
            menu = program.nearest(speed.numpy(), reward.numpy())
            if menu is None:
                continue
            design = _aligned(scenario, contexts[here], program, menu)
            if _meets(scenario, contexts[here], design, constraints):
                designs[row] = design[0].to(designs.dtype)
                break
    return designs


def _programs(scenario: Contract, context: Tensor, constraints: Sequence[Constraint], strict: bool) -> list[Program]:
    """Return the programs of one context (1, C), those that serve most types first."""
    market, types = scenario.market(context.cpu()), scenario.parameters.types
    fewest = types if scenario.parameters.reward == "penalty" else 0
    return [Program(market.share[0].numpy(), market.cost[0].numpy(), float(market.longest[0]), scenario.parameters,
                    constraints, served, strict) for served in range(types, fewest - 1, -1)]


def _solved(scenario: Contract, context: Tensor,
            constraints: Sequence[Constraint]) -> tuple[float, Tensor, Found | None]:
    """Return for one context the bound (NaN where nothing meets the request), a menu (1, X) that attains it up to the
    grid where one is found, and what the program of that bound found; None where nothing meets the request.
    """
    market = scenario.market(context.cpu())
    best, found, attained, menu, number = float("nan"), None, -float("inf"), None, 0
    for place, program in enumerate(_programs(scenario, context, constraints, strict=False)):
        if _most(market, program.served) <= attained:
            continue
        solved = program.solve()
        if solved is None:
            continue
        value = _most(market, program.served) - solved.cost
        if found is None or value > best:
            best, found = value, solved
        if solved.menu is not None and value > attained:
            attained, menu, number = value, solved.menu, place
    if found is None:
        return best, scenario.project(context, scenario.initial_state(context)).float(), None
    best += float(indifference(market))
    program = _programs(scenario, context, constraints, strict=True)[number]
    rounded = program.solve()
    menu = (rounded.menu if rounded else None) or menu
    if menu is None:  # the solver gave up everywhere
        return best, scenario.project(context, scenario.initial_state(context)).float(), found
    return best, _aligned(scenario, context, program, menu).to(context.device), found


def _most(market: Market, served: int) -> float:
    """Return the gain per provider if types 1..served worked for nothing and the others signed nothing."""
    signs = torch.arange(market.terms.types) < served
    return float((market.share[0] * (market.blind - market.lost[0].where(~signs, 0.0))).sum())


def _aligned(scenario: Contract, context: Tensor, program: Program, menu: Menu) -> Tensor:
    """Return a menu as a design (1, X) on the grid; nobody signs it where no type is served."""
    types, served = scenario.parameters.types, program.served
    if served == 0:
        slowest = torch.full((1, types), program.speeds[0])
        return scenario.admissible(torch.cat([slowest, torch.zeros_like(slowest)], 1))
    x, r = (torch.cat([part, part[-1:].expand(types - served)])[None]
            for part in (torch.from_numpy(menu.speed), torch.from_numpy(menu.reward)))
    rational, compatible = program.least("ir_slack", 0.0), program.least("ic_slack", 0.0)
    market = scenario.market(context.cpu())
    return torch.cat(aligned(market, torch.tensor([served]), x, r, rational, compatible), 1).float()


def _meets(scenario: Contract, context: Tensor, design: Tensor, constraints: Sequence[Constraint]) -> bool:
    within = torch.equal(scenario.admissible(design), design)
    return within and bool(satisfied(constraints, scenario.measure(context, design), 1)[0])
