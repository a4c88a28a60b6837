"""The dynamic programs of a network: solved when first asked for, kept by the number of switches.

Axes: B sessions, T chunks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from torch import Tensor

from aign.scenarios.video_streaming.chain import Chain
from aign.scenarios.video_streaming.expectations import Expectations
from aign.scenarios.video_streaming.means import MeanExpectations, Worth
from aign.scenarios.video_streaming.video import Video


class Programs:
    """Tables of one video over one Markov chain of throughputs.

    Args:
        video: that is played.
        observed: returns the log2 throughputs (B, T) of sessions, from which the chain is learned.
    """

    def __init__(self, video: Video, observed: Callable[[], Tensor]) -> None:
        self._video, self._observed = video, observed
        self._tables: dict[int | None, Expectations] = {}

    @cached_property
    def chain(self) -> Chain:
        """The Markov chain of the throughput of chunks."""
        return Chain.fit(self._observed())

    def table(self, switches: int | None) -> Expectations:
        """Return the table with so many switches; None: any number."""
        if switches is not None and switches >= len(self._video.sizes):
            switches = None
        if switches not in self._tables:
            self._tables[switches] = Expectations.solved(self._video, self.chain, switches)
        return self._tables[switches]

    def worth(self, switches: int | None, means: bool) -> Worth:
        """Return what sessions are worth with so many switches (None: any number), with means or by the last throughput
        alone.
        """
        table = self.table(switches)
        return Worth(table, self.table(None), self._by_mean) if means else Worth(table, table, None)

    @cached_property
    def _by_mean(self) -> MeanExpectations:
        return MeanExpectations.solved(self._video, self.chain, self._observed())
