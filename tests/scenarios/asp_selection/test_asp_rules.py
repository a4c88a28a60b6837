"""Rules: what each chooses in a moment made up for it, and that chance is even."""

import pytest
import torch

from aign.scenarios.asp_selection.rules import RULES, View


def view(free, demand=100.0, utility=(0.2, 0.9, 0.5), time=4, capacity=(400.0, 400, 400)):
    return View(torch.tensor([capacity]), torch.tensor([free]), torch.tensor([demand]), torch.tensor([utility]),
                torch.tensor([time]), torch.tensor([1234.0]))


@pytest.mark.parametrize(("rule", "free", "choice"), [
    ("round_robin", (400.0, 0, 0), 1), ("crash_avoid", (100.0, 150, 200), 2), ("crash_avoid", (0.0, 0, 0), 0),
    ("greedy", (400.0, 0, 0), 1), ("prophet", (400.0, 100, 400), 1), ("prophet", (400.0, 90, 400), 2),
    ("prophet", (20.0, 90, 30), 1), ("threshold", (400.0, 200, 400), 1), ("threshold", (400.0, 190, 400), 2),
    ("threshold", (150.0, 190, 90), 1), ("threshold", (50.0, 20, 60), 2)])
def test_choices(rule, free, choice):
    assert int(RULES[rule](view(free)).argmax()) == choice


def test_chance_is_even_repeatable_and_has_no_memory():
    count = 20_000
    many = View(torch.ones(count, 20), torch.ones(count, 20), torch.full((count,), 150.0), torch.ones(count, 20),
                torch.arange(count) % 1000, torch.arange(count) * 997.0)
    chosen = RULES["random"](many).argmax(1)
    assert torch.equal(chosen, RULES["random"](many).argmax(1))
    shares = torch.bincount(chosen, minlength=20) / count
    torch.testing.assert_close(shares, torch.full((20,), 0.05), rtol=0, atol=0.008)
    pairs = torch.bincount(20 * chosen[:-1] + chosen[1:], minlength=400)
    chi_square = float(((pairs - count / 400)**2 / (count / 400)).sum())
    assert chi_square < 520  # 399 degrees of freedom: 399 +- 28
