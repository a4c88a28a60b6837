import hashlib

import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.scenarios.core.seeding import derived_generator, derived_seed


def test_seed_is_the_documented_hash() -> None:
    digest = hashlib.sha256(b"5/contexts/train").digest()
    assert derived_seed(5, "contexts", "train") == int.from_bytes(digest[:8], "big") // 2


@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.text("abc ", max_size=4), st.integers(0, 9)),
                min_size=2, max_size=20, unique=True))
def test_purposes_do_not_share_seeds(purposes: list[tuple[int, str, int]]) -> None:
    seeds = [derived_seed(*purpose) for purpose in purposes]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_streams_repeat_and_differ() -> None:
    first, again, other = (torch.rand(8, generator=derived_generator(3, name)) for name in ("a", "a", "b"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
