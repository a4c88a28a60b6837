"""The simulator against chunks worked by hand, the published arithmetic event by event, and published logs."""

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from published_player import session

from aign.scenarios.core.episode import Episode
from aign.scenarios.video_streaming import VideoStreaming
from aign.scenarios.video_streaming.links import Links
from aign.scenarios.video_streaming.player import play, quality
from aign.scenarios.video_streaming.traces import read
from aign.scenarios.video_streaming.video import Video

DATA = Path(os.environ.get("AIGN_VIDEO_DATA", "/nonexistent"))
needs_data = pytest.mark.skipif(not (DATA / "traces.parquet").is_file(),
                                reason="AIGN_VIDEO_DATA names no folder with traces.parquet and envivio.json")


def simulated(links, video, choices):
    """Return (delay, stall, buffer, wait, reward) of each chunk (T, 5), in float64 throughout."""
    clock, buffer = torch.zeros(1).double(), torch.zeros(1).double()
    last, rows = video.bitrates[1:2], []
    for number, choice in enumerate(choices):
        arrival = links.arrival(clock[None], video.sizes[number, choice].view(1, 1))[0]
        played = play(buffer, arrival - clock + 0.08, video.chunk_seconds)
        reward = quality(video.bitrates[choice], last, played.stall)
        rows.append([float(value) for value in (arrival - clock + 0.08, played.stall, played.buffer, played.wait,
                                                reward)])
        clock, buffer, last = arrival + played.wait, played.buffer, video.bitrates[choice]
    return np.array(rows)


def test_two_chunks_worked_by_hand():
    """A link of 2 Mbit/s for 3 s, then 1 Mbit/s for 5 s, then again. 3.8 Mbit take 3.8 / 1.9 = 2 s; 0.75 Mbit/s for
    4 s, 2.08 s of stall, buffer 4 s. 5.7 Mbit take 1 s at 1.9 (1.9 Mbit) and 4 s at 0.95 (3.8 Mbit): 5.08 s of delay,
    1.08 s of stall; the bitrate rises by 0.45.
    """
    scenario = VideoStreaming.create(chunks=2, segments=2)
    sizes = scenario.video.sizes
    sizes[0, 1], sizes[1, 2] = 3.8, 5.7
    context = torch.tensor([[3.0, 5.0, 2.0, 1.0]])
    episode = Episode(scenario, context)
    first = float(episode.advance(torch.eye(6)[1:2])[0])
    assert first == pytest.approx(0.75 - 4.3 * 2.08, abs=1e-6)
    observed, _, _, _ = scenario.parts(episode.states)
    assert observed[0, 0] == pytest.approx(np.log2(1.9), abs=1e-6)
    assert observed[0, 10] == pytest.approx(2.08, abs=1e-6)
    assert observed[0, 20] == pytest.approx(4.0, abs=1e-6)
    second = float(episode.advance(torch.eye(6)[2:3])[0])
    assert second == pytest.approx(1.2 - 4.3 * 1.08 - 0.45, abs=1e-6)
    utility, labels = episode.outcome()
    assert utility[0] == pytest.approx(first + second)
    assert {name: float(value) for name, value in labels.items()} == pytest.approx(
        {"rebuffer": 3.16, "rebuffer_ratio": 3.16 / 11.16, "mean_bitrate": 0.975, "switches": 1, "least_buffer": 0.0,
         "variation": 0.45}, abs=1e-6)


def test_a_full_buffer_waits_in_half_seconds():
    """57.3 s and a download of 0.48 s: 56.82 + 4 = 60.82 s, so the player waits 1 s."""
    played = play(torch.tensor([57.3]).double(), torch.tensor([0.48]).double(), 4.0)
    assert (float(played.wait[0]), float(played.buffer[0])) == pytest.approx((1.0, 59.82))
    assert float(play(torch.tensor([56.48]).double(), torch.tensor([0.48]).double(), 4.0).wait[0]) == 0.0


@pytest.mark.parametrize("seed", range(8))
def test_sessions_are_those_of_the_published_arithmetic(seed):
    """Also through outages, past the end of a trace, and with a full buffer."""
    random = np.random.default_rng(seed)
    durations = random.uniform(0.1, 6.0, 30)
    speeds = random.uniform(0.0, [1.5, 12.0][seed % 2], 30) * (random.random(30) < 0.85)
    video, choices = Video.generated(48), random.integers(0, 6, 48)
    links = Links.of(torch.tensor(durations)[None], torch.tensor(speeds)[None])
    times = np.concatenate([[0.0], durations.cumsum()])
    expected = session(times, speeds, video.sizes.tolist(), video.bitrates.tolist(), choices)
    np.testing.assert_allclose(simulated(links, video, choices), expected, rtol=0, atol=1e-9)


def test_the_environment_earns_what_the_player_does():
    """Contexts are float32; the environment computes with their values in float64."""
    scenario = VideoStreaming.create(chunks=20, segments=50)
    contexts = scenario.draw_contexts(3, torch.Generator().manual_seed(4))
    designs = torch.randint(6, (3, 20), generator=torch.Generator().manual_seed(5)).float()
    durations, speeds = contexts.double().split(50, dim=1)
    for row in range(3):
        times = np.concatenate([[0.0], durations[row].cumsum(0).numpy()])
        rows = session(times, speeds[row].tolist(), scenario.video.sizes.tolist(), scenario.video.bitrates.tolist(),
                       designs[row].int().tolist())
        assert scenario.utility(contexts, designs)[row] == pytest.approx(sum(chunk[4] for chunk in rows), abs=1e-9)
        assert scenario.measure(contexts, designs)["rebuffer"][row] == pytest.approx(sum(chunk[1] for chunk in rows),
                                                                                     abs=1e-9)


@needs_data
@pytest.mark.parametrize("source", ["pensieve-test", "sabre-3g", "sabre-4g"])
def test_real_logs_are_played_as_published(source):
    video = Video.read(DATA / "envivio.json", 48)
    random = np.random.default_rng(1)
    for trace in read(DATA / "traces.parquet", source)[::10]:
        choices = random.integers(0, 6, 48)
        times = np.concatenate([[0.0], trace.durations.cumsum()])
        expected = session(times, trace.throughputs, video.sizes.tolist(), video.bitrates.tolist(), choices)
        links = Links.of(torch.tensor(trace.durations)[None], torch.tensor(trace.throughputs)[None])
        np.testing.assert_allclose(simulated(links, video, choices), expected, rtol=0, atol=1e-9)


@pytest.mark.skipif(not (DATA / "published").is_dir(), reason="AIGN_VIDEO_DATA has no folder published")
@pytest.mark.parametrize("peer", ["ppo", "cmc", "rl", "bola", "mpc", "rb", "bb", "hyb", "quetra"])
def test_published_sessions_earn_the_published_rewards(peer):
    """142 sessions of 48 chunks of each peer; that collection takes the value of a time for the interval before it."""
    video = Video.read(DATA / "envivio.json", 48)
    ladder = (1e3 * video.bitrates).round().tolist()
    for row in pyarrow.parquet.read_table(DATA / "traces.parquet").to_pylist():
        if row["source"] == "pensieve-test":
            lines = (DATA / "published" / f"log_sim_{peer}_{row['log']}").read_text().splitlines()
            chunks = [line.split() for line in lines if line.strip()]
            choices = [ladder.index(float(chunk[1])) for chunk in chunks]
            times, speeds = (torch.from_numpy(np.array(row[name])) for name in ("time_s", "bandwidth_kbit_s"))
            links = Links.of(times.diff()[None], speeds[None, 1:] / 1e3)
            rewards = [float(chunk[-1]) for chunk in chunks]
            np.testing.assert_allclose(simulated(links, video, choices)[:, 4], rewards, rtol=0, atol=1e-9)
