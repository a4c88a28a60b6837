import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer

from aign.agents.replay import SteppedReplay

ENVIRONMENTS = 3


def filled(kind, steps, actions, **options):
    """Return a buffer of room for 5 steps after some steps."""
    buffer = kind(5 * ENVIRONMENTS, spaces.Box(-9, 9, (4,), np.float32), actions, device="cpu", n_envs=ENVIRONMENTS,
                  **options)
    generator = np.random.default_rng(0)
    for _ in range(steps):
        before, after = (generator.standard_normal((ENVIRONMENTS, 4), np.float32) for _ in range(2))
        chosen = (generator.integers(0, 6, ENVIRONMENTS) if isinstance(actions, spaces.Discrete)
                  else generator.standard_normal((ENVIRONMENTS, 2), np.float32))
        rewards, done = generator.standard_normal(ENVIRONMENTS), generator.random(ENVIRONMENTS) < 0.5
        buffer.add(before, after, chosen, rewards, done, [{} for _ in range(ENVIRONMENTS)])
    return buffer


@pytest.mark.parametrize("steps", [3, 5, 12])
@pytest.mark.parametrize("actions", [spaces.Box(-1, 1, (2,), np.float32), spaces.Discrete(6)], ids=["values", "choice"])
def test_it_draws_what_the_librarys_buffer_draws(steps, actions) -> None:
    batches = []
    for kind in (SteppedReplay, ReplayBuffer):
        buffer = filled(kind, steps, actions)
        np.random.seed(7)  # noqa: NPY002 (the library's stream)
        batches += [(buffer.size(), buffer.sample(16), buffer.sample(16))]
    (size, *ours), (expected_size, *theirs) = batches
    assert size == expected_size
    for batch, expected in zip(ours, theirs, strict=True):
        assert batch.discounts is expected.discounts is None
        for name in ("observations", "actions", "next_observations", "dones", "rewards"):
            value = getattr(batch, name)
            assert value.dtype == getattr(expected, name).dtype
            assert torch.equal(value, getattr(expected, name)), name


def test_what_follows_is_neither_kept_nor_drawn_where_it_is_not_wanted() -> None:
    actions = spaces.Discrete(6)
    short, whole = (filled(SteppedReplay, 7, actions, following=following) for following in (False, True))
    assert short.next_observations.size == 0
    batches = []
    for buffer in (short, whole):
        np.random.seed(7)  # noqa: NPY002 (the library's stream)
        batches.append(buffer.sample(16))
    assert torch.equal(batches[0].observations, batches[1].observations)
    assert torch.equal(batches[0].rewards, batches[1].rewards)
    assert batches[0].next_observations.shape == (0, 4)
    assert len(batches[1].next_observations) == 16
