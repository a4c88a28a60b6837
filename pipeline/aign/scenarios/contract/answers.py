"""Certificates and repairs: closed form where it meets the request, linear programs context by context elsewhere.

Axes: B networks, Q types, X = 2Q design values.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aign.scenarios.contract.labels import measure
from aign.scenarios.contract.menu import Market, admissible, split, utility
from aign.scenarios.contract.optimum import aligned, best_menu, indifference, valid
from aign.scenarios.contract.program import EXACT, Menu, Program, ProgramResult
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, satisfied

STATEMENT = ("Optimum of the screening problem with ironing, attained up to 1e-3 credit (rewards are multiples of "
             "2^-16, choices tolerate 1e-6); under constraints the value of a linear program that never falls below "
             "it.")


def certify(market: Market, constraints: Sequence[Constraint]) -> Certificate:
    """Return the certificate of every network of a market.

    It is an upper bound for the constraints of `program.EXACT` with reward by self-selection. For others, and with
    penalties, the best menu found by the same programs is returned as best known.
    """
    terms = market.terms
    best, served, speed, reward = best_menu(market)
    bound = best + indifference(market)
    design = torch.cat(aligned(market, served, speed, reward), 1).float()
    feasible = _met(market, design, constraints)
    feasible &= design.amax(1) <= max(terms.reward_max, terms.x_max)
    feasible &= design[:, terms.types] <= terms.reward_max
    impossible = torch.zeros_like(feasible)
    prices = {constraint: torch.zeros_like(bound) for constraint in constraints}
    for row in (~feasible).nonzero()[:, 0].tolist():
        single = market.row(row)
        value, menu, result = _solved(single, constraints)
        bound[row], impossible[row] = value, result is None
        design[row] = menu[0]
        feasible[row] = bool(_met(single, menu, constraints)) and torch.equal(admissible(menu, terms), menu)
        for constraint in constraints:
            prices[constraint][row] = result.prices.get(constraint, torch.nan) if result else 0.0
    exact = all(constraint.side in EXACT for constraint in constraints)
    if not exact or (constraints and terms.reward == "penalty"):
        attained = utility(market, *split(design, terms)).where(feasible, torch.nan)
        return Certificate(attained, design, feasible, CertificateKind.BEST_KNOWN, "Best menu found by linear "
                           "programs; for these constraints it is not proven that no other menu is better.")
    return Certificate(bound, design, feasible, CertificateKind.UPPER_BOUND, STATEMENT, prices, impossible)


def project(market: Market, wishes: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Return valid menus near the wished ones (B, X), each that breaks the request replaced by the nearest that meets
    it, where there is one.
    """
    terms = market.terms
    designs = torch.cat(valid(market, *wishes.double().split(terms.types, 1)), 1).to(wishes.dtype)
    for row in (~_met(market, designs, constraints)).nonzero()[:, 0].tolist():
        single = market.row(row)
        speed, reward = wishes[row].double().cpu().split(terms.types)
        for program in _programs(single, constraints, strict=True):
            menu = program.nearest(speed.numpy(), reward.numpy())
            if menu is None:
                continue
            design = _aligned(single, program, menu)
            if bool(_met(single, design, constraints)) and torch.equal(admissible(design, terms), design):
                designs[row] = design[0].to(designs.dtype)
                break
    return designs


def _met(market: Market, designs: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Return which designs (B, X) meet the constraints, (B,)."""
    return satisfied(constraints, measure(market, *split(designs, market.terms)), len(designs))


def _programs(market: Market, constraints: Sequence[Constraint], strict: bool) -> list[Program]:
    """Return the programs of one network (B = 1), those that serve most types first."""
    types = market.terms.types
    fewest = types if market.terms.reward == "penalty" else 0
    return [Program(market, constraints, served, strict) for served in range(types, fewest - 1, -1)]


def _solved(market: Market, constraints: Sequence[Constraint]) -> tuple[float, Tensor, ProgramResult | None]:
    """Return for one network the bound (NaN where nothing meets the request), a menu (1, X) that attains it up to the
    grid where one is known, and the result of the program that bounds it; None where nothing meets the request.
    """
    best, result, attained, menu, number = float("nan"), None, -float("inf"), None, 0
    for place, program in enumerate(_programs(market, constraints, strict=False)):
        most = _most(market, program.served)
        solved = program.solve() if most > attained else None
        if solved is None:
            continue
        value = most - solved.cost
        if result is None or value > best:
            best, result = value, solved
        if solved.menu is not None and value > attained:
            attained, menu, number = value, solved.menu, place
    if result is not None:
        best += float(indifference(market))
        program = _programs(market, constraints, strict=True)[number]
        rounded = program.solve()
        menu = (rounded.menu if rounded else None) or menu
        if menu is not None:
            return best, _aligned(market, program, menu), result
    # Nothing meets the request, or the solver gave up everywhere.
    slowest = torch.ones_like(market.share)
    return best, torch.cat(valid(market, slowest, torch.zeros_like(slowest)), 1).float(), result


def _most(market: Market, served: int) -> float:
    """Return the gain per provider if types 1..served worked for nothing and the others signed nothing."""
    signs = torch.arange(market.terms.types) < served
    return float((market.share[0] * (market.blind - market.lost[0].where(~signs, 0.0))).sum())


def _aligned(market: Market, program: Program, menu: Menu) -> Tensor:
    """Return a menu as a design (1, X) on the grid; nobody signs it where no type is served."""
    types, served = market.terms.types, program.served
    if served == 0:
        slowest = torch.full((1, types), program.speeds[0])
        return admissible(torch.cat([slowest, torch.zeros_like(slowest)], 1), market.terms)
    x, r = (torch.cat([part, part[-1:].expand(types - served)])[None]
            for part in (torch.from_numpy(menu.speed), torch.from_numpy(menu.reward)))
    rational, compatible = program.least("ir_slack", 0.0), program.least("ic_slack", 0.0)
    return torch.cat(aligned(market, torch.tensor([served]), x, r, rational, compatible), 1).float()
