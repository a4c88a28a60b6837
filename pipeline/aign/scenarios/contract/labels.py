"""The labels of a menu: payment, served and provider_utility of what is signed, the others of the menu itself."""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.contract.menu import Market, sign, slacks
from aign.scenarios.core.constraints import Label

LABELS = (
    Label("ir_slack", "credit", "higher", "Least payoff of a type from its own contract: individual rationality.",
          ("individual rationality slack", "slack of individual rationality", "individual rationality", "slack",
           "individually rational>=0")),
    Label("ic_slack", "credit", "higher", "Least advantage of an own contract over another: incentive "
                                          "compatibility.",
          ("incentive compatibility slack", "slack of incentive compatibility", "incentive compatibility", "slack",
           "incentive compatible>=0")),
    Label("monotonicity", "1", "higher", "Least fall in speed from one type's contract to the next one's."),
    Label("payment", "credit", "lower", "Expected rewards paid to all providers.",
          ("payment", "total payment", "payment to the providers", "all providers together", "pay", "spend", "spending",
           "cost", "cheap")),
    Label("latency", "s", "lower", "Longest latency among the contracts of the menu.",
          ("latency", "longest latency", "delay", "wait", "waiting time", "user<=", "fast"),
          (("ms", 1e-3), ("sec", 1.0), ("second", 1.0), ("millisecond", 1e-3), ("minute", 60.0))),
    Label("served", "1", "higher", "Share of providers that sign a contract.",
          ("share of providers served", "providers served", "providers sign", "providers sign a contract", "served",
           "serve", "sign", "signed", "providers", "serve providers", "all providers sign>=1",
           "every provider signs>=1",
           "every user signs>=1", "all sign>=1", "all providers served>=1", "every provider served>=1"),
          (("%", 0.01),)),
    Label("provider_utility", "credit", "higher", "Expected payoff of a provider.",
          ("utility of the providers", "providers' utility", "utility of a provider", "provider payoff",
           "payoff of a provider", "providers earn", "earn", "average")),
)


def measure(market: Market, speed: Tensor, reward: Tensor) -> dict[str, Tensor]:
    """Return every label, each float64 (B,), of menus with speeds and rewards (B, Q)."""
    choice = sign(market, speed, reward)
    rational, compatible = slacks(choice.payoffs)
    itself = torch.eye(speed.shape[1], dtype=torch.bool, device=speed.device)
    payoff = choice.reward - market.cost * choice.speed
    return {"ir_slack": rational.amin(1), "ic_slack": compatible.masked_fill(itself, torch.inf).flatten(1).amin(1),
            "monotonicity": -speed.diff(dim=1).amax(1),
            "payment": market.terms.asps * (market.share * choice.reward * choice.accepted).sum(1),
            "latency": market.longest / speed.amin(1),
            "served": (market.share * choice.accepted).sum(1) / market.share.sum(1),
            "provider_utility": (market.share * payoff * choice.accepted).sum(1)}
