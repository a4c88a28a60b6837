"""The dynamic program that knows the running mean of throughputs: its law, its table, its rules, its critic."""

import pytest
import torch

from aign.scenarios.core.constraints import parse
from aign.scenarios.video_streaming import VideoStreaming, means
from aign.scenarios.video_streaming.chain import LEVELS, Chain, levels
from aign.scenarios.video_streaming.means import LEAST, MEANS, SPACING, MeanExpectations
from aign.scenarios.video_streaming.video import Video


def test_the_running_mean_goes_a_quarter_of_the_way_to_each_new_value():
    assert float(means.running_mean(torch.tensor([[2.0, -1.0, 3.0]]))) == pytest.approx(2.0)  # 3, then 2, then 2


def test_the_mean_tells_links_apart_that_a_chain_mixes_up():
    """Fast links alternate between 1 and 4 Mbit/s, slow ones between 1 and 1/4: what follows 1 is 4 or 1/4."""
    fast, slow = (torch.tensor([0.0, step]).repeat(24) for step in (2.0, -2.0))
    series = torch.stack([fast, slow]).repeat(50, 1)
    chain, grid = Chain.fit(series), levels().log2()
    law = means.transitions(chain, series)
    torch.testing.assert_close(law.sum(2), torch.ones_like(law[:, :, 0]))
    row = int(grid.abs().argmin())
    assert float(chain.transitions[row] @ grid) == pytest.approx(0.0, abs=0.1)
    for mean, following in ((0.86, 2.0), (-0.86, -2.0)):  # the means before the fourth part of the way up or down
        level = round((mean - LEAST) / SPACING)
        assert float(law[level, row] @ grid) == pytest.approx(following, abs=0.1)


def test_where_nothing_like_it_was_seen_the_chain_counts():
    series = torch.zeros(4, 48)
    chain = Chain.fit(series)
    torch.testing.assert_close(means.transitions(chain, series)[0], chain.transitions)


def test_the_table_is_the_best_expectation_over_the_law(monkeypatch):
    """Two chunks, worked out by all choices: the second knows the throughput of the first, and the mean after it."""
    draws = torch.rand(MEANS, LEVELS, LEVELS, generator=torch.Generator().manual_seed(1)).double()
    law = (3.0 * draws).softmax(2)
    monkeypatch.setattr(means, "transitions", lambda chain, logarithms: law)
    video = Video.generated(2)
    table = MeanExpectations.solved(video, Chain.fit(torch.zeros(4, 3)), torch.zeros(1, 3))
    rates, speeds, sizes = video.bitrates.tolist(), levels().tolist(), video.sizes.tolist()
    level, mean_level, last, buffer = 9, 6, 1, 6.0

    def gained(chunk, choice, before, left, speed):
        delay = sizes[chunk][choice] / speed + 0.08
        reward = rates[choice] - 4.3 * max(delay - left, 0.0) - abs(rates[choice] - rates[before])
        return reward, max(left - delay, 0.0) + 4

    def second(choice, left, after, place):
        return max(sum(float(law[place, after, third]) * gained(1, following, choice, left, speeds[third])[0]
                       for third in range(LEVELS)) for following in range(6))

    mean = LEAST + SPACING * mean_level
    for choice in range(6):
        expected = 0.0
        for after in range(LEVELS):
            reward, left = gained(0, choice, last, buffer, speeds[after])
            reached = (means.moved(torch.tensor(mean), levels().log2()[after]) - LEAST) / SPACING
            place = min(int(reached.clamp(0, MEANS - 1)), MEANS - 2)
            share = float(reached.clamp(0, MEANS - 1)) - place
            later = (1 - share) * second(choice, left, after, place) + share * second(choice, left, after, place + 1)
            expected += float(law[mean_level, level, after]) * (reward + later)
        worth = table.worth(0, torch.tensor([buffer]), torch.tensor([last]), torch.tensor([speeds[level]]).log2(),
                            torch.tensor([mean]))
        assert float(worth[0, choice]) == pytest.approx(expected, abs=0.15)  # buffers between those of the table
    assert not table.worth(2, torch.tensor([1.0]), torch.tensor([0]), torch.zeros(1), torch.zeros(1)).any()


@pytest.fixture(scope="module")
def links(tmp_path_factory):
    """A network of two kinds of links whose slowest and fastest moments are alike, and sessions on both."""
    folder = tmp_path_factory.mktemp("links")
    for name, low, high in (("fast", 1000, 4000), ("slow", 1000, 300)):
        rows = [f"{4 * step},{low if step % 3 else high}" for step in range(80)]
        (folder / f"{name}.csv").write_text("\n".join(["time_s,bandwidth_kbit_s", *rows]))
    scenario = VideoStreaming.create(traces=folder)
    return scenario, scenario.draw_contexts(24, torch.Generator().manual_seed(4))


def test_rules_that_know_the_mean_are_there_for_real_links_and_gain_by_it(links):
    scenario, contexts = links
    assert not [name for name in VideoStreaming.create().rules if name.startswith("mean")]
    utility = {name: float(scenario.utility(contexts, scenario.heuristics[name](contexts)).mean())
               for name in ("dynamic_program", "mean_program")}
    assert utility["mean_program"] > utility["dynamic_program"]
    limited = scenario.heuristics["mean_program_2_switches"](contexts)
    assert scenario.measure(contexts, limited)["switches"].max() <= 2


def test_the_critic_on_real_links_knows_the_mean_and_keeps_limits(links):
    scenario, contexts = links
    states = scenario.initial_state(contexts)
    for _ in range(6):
        states, _ = scenario.step(contexts, states, scenario.rules["rate_based"](contexts, states))
    futures = torch.zeros(len(contexts), 4, 1, 1)
    told = scenario.judge(contexts, states, futures, ())
    forgetful = states.clone()
    forgetful[:, 1:10] = states[:, :1]  # as if all chunks before had come like the last one
    assert not torch.allclose(told, scenario.judge(contexts, forgetful, futures, ()))
    none_left = parse(["switches<=0"], scenario.labels)
    kept = scenario.judge(contexts, states, futures, none_left).argmax(1)
    assert torch.equal(kept, scenario.last_choice(states))
