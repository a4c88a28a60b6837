"""Rules and the dynamic program against values worked by hand and against trying everything."""

import itertools

import numpy as np
import pytest
import torch

from aign.scenarios.core.constraints import parse
from aign.scenarios.video_streaming import VideoStreaming, critic
from aign.scenarios.video_streaming.chain import LEVELS, Chain, levels
from aign.scenarios.video_streaming.expectations import Expectations
from aign.scenarios.video_streaming.means import Worth
from aign.scenarios.video_streaming.rules import RULES, View, planned
from aign.scenarios.video_streaming.video import Video


def view(buffer, last, throughput, time=1, chunks=48):
    past = torch.zeros(1, 10).double()
    past[0, :len(throughput)] = torch.tensor(throughput).double()
    return View(Video.generated(chunks), time, torch.tensor([buffer]).double(), torch.tensor([last]), past)


@pytest.mark.parametrize(("rule", "buffer", "throughput", "choice"), [
    ("rate_based", 8.0, [2.0, 1.0], 2),          # harmonic mean 1.33 Mbit/s
    ("rate_based", 8.0, [0.1], 0),
    ("bba", 4.9, [9.0], 0), ("bba", 10.0, [0.1], 2), ("bba", 15.0, [0.1], 5),   # 5 (10 - 5) / 10 = 2.5
    ("bola", 0.0, [1.0], 0), ("bola", 59.9, [1.0], 5)])
def test_published_rules_choose_as_their_papers_say(rule, buffer, throughput, choice):
    assert int(RULES[rule](view(buffer, 1, throughput)).argmax()) == choice


def test_robust_control_divides_by_its_largest_error():
    """The last throughput was 1 where the mean of those before, 2, was predicted: an error of 1, so half of the
    harmonic mean of all is expected.
    """
    now = view(20.0, 2, [1.0, 2.0, 2.0])
    expected = 3 / (1 + 0.5 + 0.5) / 2
    torch.testing.assert_close(RULES["robust_mpc_5"](now), planned(now, torch.tensor([expected]).double(), 5))


@pytest.mark.parametrize(("buffer", "speed", "last"), [(3.0, 0.9, 1), (12.0, 1.6, 3), (31.0, 3.0, 5)])
def test_plans_ahead_are_the_best_of_all(buffer, speed, last):
    now, speed_B = view(buffer, last, [speed]), torch.tensor([speed]).double()
    rates, sizes = now.video.bitrates.tolist(), now.video.sizes[1:5].tolist()
    best = np.full(6, -np.inf)
    for choices in itertools.product(range(6), repeat=4):
        left, before, worth = buffer, rates[last], 0.0
        for size, choice in zip(sizes, choices, strict=True):
            delay = size[choice] / speed
            worth += rates[choice] - 4.3 * max(delay - left, 0.0) - abs(rates[choice] - before)
            left, before = max(left - delay, 0.0) + 4.0, rates[choice]
        best[choices[0]] = max(best[choices[0]], worth)
    np.testing.assert_allclose(planned(now, speed_B, 4)[0].numpy(), best, atol=0.1)  # buffers between those of its grid


@pytest.mark.parametrize("switches", [None, 1])
def test_the_table_is_the_best_expectation_over_a_chain(switches):
    """Two chunks, worked out by all choices: the second may depend on the throughput of the first."""
    chain = Chain(torch.rand(LEVELS, LEVELS, generator=torch.Generator().manual_seed(1)).double().softmax(1))
    video = Video.generated(2)
    table = Expectations.solved(video, chain, switches)
    rates, speeds, level, last, buffer = video.bitrates.tolist(), levels().tolist(), 9, 1, 6.0
    sizes, odds = video.sizes.tolist(), chain.transitions.tolist()

    def gained(chunk, choice, before, left, speed):
        delay = sizes[chunk][choice] / speed + 0.08
        stall = max(delay - left, 0.0)
        return rates[choice] - 4.3 * stall - abs(rates[choice] - rates[before]), max(left - delay, 0.0) + 4

    def second(choice, left, after, spare):
        return max(sum(odds[after][third] * gained(1, next_, choice, left, speeds[third])[0] for third in range(LEVELS))
                   for next_ in range(6) if spare is None or spare >= (next_ != choice))

    for choice in range(6):
        spare = None if switches is None else switches - (choice != last)
        if spare is not None and spare < 0:
            continue
        expected = 0.0
        for after in range(LEVELS):
            reward, left = gained(0, choice, last, buffer, speeds[after])
            expected += odds[level][after] * (reward + second(choice, left, after, spare))
        allowed = None if switches is None else torch.tensor([switches])
        worth = table.worth(0, torch.tensor([buffer]), torch.tensor([last]), torch.tensor([speeds[level]]).log2(),
                            allowed)
        assert float(worth[0, choice]) == pytest.approx(expected, abs=0.15)  # buffers between those of the table


def test_a_chain_is_learned_from_series():
    """Half the series stay on a level, half go up by one: so do the transitions, but for the prior."""
    grid = levels().log2()
    series = torch.stack([grid[[5, 5]], grid[[5, 6]]]).repeat(2_000, 1)
    row = Chain.fit(series).transitions[5]
    assert float(row[5]) == pytest.approx(0.5, abs=1e-3)
    assert float(row[6]) == pytest.approx(0.5, abs=1e-3)
    assert float(row.sum()) == pytest.approx(1.0)


@pytest.fixture(scope="module")
def usual():
    scenario = VideoStreaming.create()
    return scenario, scenario.draw_contexts(48, torch.Generator().manual_seed(3))


def test_the_program_beats_the_published_rules(usual):
    scenario, contexts = usual
    utility = {name: float(scenario.utility(contexts, rule(contexts)).mean())
               for name, rule in scenario.heuristics.items() if "mpc" not in name}
    assert utility["dynamic_program"] > max(utility["rate_based"], utility["bba"], utility["bola"])
    assert utility["dynamic_program_8_switches"] > utility["dynamic_program_2_switches"]


@pytest.mark.parametrize("budget", [2, 4])
def test_budgets_are_kept(usual, budget):
    scenario, contexts = usual
    design = scenario.heuristics[f"dynamic_program_{budget}_switches"](contexts[:16])
    assert scenario.measure(contexts[:16], design)["switches"].max() <= budget


def test_the_critic_sees_what_futures_say_and_keeps_limits(usual):
    """Between futures that are fast and slow, the better bitrate is higher; with no switch left none is taken."""
    scenario, contexts = usual
    states = scenario.initial_state(contexts[:2])
    for _ in range(3):
        states, _ = scenario.step(contexts[:2], states, scenario.rules["bola"](contexts[:2], states))
    chosen = [int(scenario.judge(contexts[:2], states, torch.full((2, 8, 5, 1), speed), ()).argmax(1)[0])
              for speed in (3.0, -2.5)]
    assert chosen[0] > chosen[1]
    limit = parse([f"switches<={int(scenario.outcome(contexts[:2], states)[1]['switches'].max())}"], scenario.labels)
    kept = scenario.judge(contexts[:2], states, torch.full((2, 8, 5, 1), 3.0), limit).argmax(1)
    left = scenario.switches_left(states, int(limit[0].threshold))
    assert torch.equal(kept[left == 0], scenario.last_choice(states)[left == 0])
    assert scenario.judges(limit)
    assert not scenario.judges(parse(["rebuffer<=3"], scenario.labels))


def test_futures_over_the_end_of_the_video_count_no_further():
    video = Video.generated(3)
    table = Expectations.solved(video, Chain.fit(torch.zeros(4, 3)))
    now = view(10.0, 2, [2.0], time=2, chunks=3)
    worth, mean = Worth(table, table, None), torch.zeros(1)
    short, long = (critic.mean_worth(worth, now, torch.full((1, 4, ahead), 1.0), mean, None) for ahead in (1, 5))
    torch.testing.assert_close(short, long)
