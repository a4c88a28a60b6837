"""Bitrate selection for streamed video as a sequence of decisions.

Axes: B sessions, N segments of a trace, T chunks, J bitrates, H chunks ahead, K totals, S observed values, Z state
values, F futures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from aign.errors import ContextError
from aign.scenarios.core import Feature
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.forecasting import Forecasting
from aign.scenarios.core.sequential import Rule, SequentialScenario
from aign.scenarios.video_streaming import critic, traces
from aign.scenarios.video_streaming.certificate import NEVER, STATEMENT, Limits, solve
from aign.scenarios.video_streaming.labels import LABELS
from aign.scenarios.video_streaming.links import Links
from aign.scenarios.video_streaming.means import running_mean
from aign.scenarios.video_streaming.moments import Moments
from aign.scenarios.video_streaming.parameters import VideoParameters
from aign.scenarios.video_streaming.programs import Programs
from aign.scenarios.video_streaming.rules import RULES, Policy, View
from aign.scenarios.video_streaming.session import PAST, START, TOTALS, Session
from aign.scenarios.video_streaming.traces import LONGEST, MOST_MBIT_S
from aign.scenarios.video_streaming.video import Video

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUDGETS = (2, 4, 8)
"""Numbers of switches for which there is a rule that keeps to them."""
FITTED = 256
"""Sessions from which the Markov chain of throughputs is learned."""
FITTED_SEED = 1


class VideoStreaming(SequentialScenario[VideoParameters], Forecasting):
    """Choose the bitrate of each chunk of a video before it is downloaded over a link whose throughput varies.

    A player keeps up to 60 s of video. While a chunk is downloaded the buffer drains; when it is empty the picture
    stalls. The design is the sequence of T bitrates.

    | | |
    |---|---|
    | context | per segment of the trace: duration (N) [s], 0 where the trace is shorter; throughput (N) [Mbit/s] |
    | state | throughput of the last chunk and of the 9 before [log2 Mbit/s], 0 where there was none; their download |
    | | times (10) [s]; buffer [s]; last bitrate [Mbit/s]; sizes of the next chunk (J) [Mbit]; chunks left; behind |
    | | them, not generated: totals, number of chunks, all choices |
    | observation | the state; t/T |
    | action | J scores; the largest chooses the bitrate |
    | reward | bitrate - 4.3 stall - change of the bitrate, in Mbit/s and seconds: the linear QoE of the chunk |
    | start | an empty buffer; the second-lowest bitrate counts as the last one |
    | end | after T chunks; a trace that ends before begins again |
    | design | the T choices; utility: the sum of rewards |

    **Equations.** 95 % of the throughput is video; a request takes a round trip of 80 ms. A chunk of size s requested
    at time c arrives when the link has carried s since c. With delay d = download + 0.08 s and buffer b: stall =
    max(d - b, 0), then b = max(b - d, 0) + 4 s; over 60 s the player waits, in steps of 0.5 s, before the next request.
    The throughput observed is s over the download without the round trip.

    **Labels.** rebuffer (seconds of stall, start-up included); rebuffer_ratio (its share of the session);
    mean_bitrate; switches; least_buffer (when a chunk arrives, the first one aside); variation (sum of the changes of
    the bitrate).

    **Parameters.** chunks T (48); segments N (160); traces (a CSV or Parquet file or a folder of them, columns time_s
    and bandwidth_kbit_s; without it traces of a Markov chain, ten levels from 0.2 to 4.3 Mbit/s, are generated);
    source (only the logs of a Parquet file that say so); video (JSON with bitrates and chunk sizes; without it chunks
    of 4 s at six bitrates, 0.3 to 4.3 Mbit/s, are generated).

    **Certificate.** Upper bound by dynamic programming over the clock, throughput being known beforehand, rounded in
    favour of the player; limits on switches and stalls are exact in it, others are left out. The design comes from the
    same program rounded against the player, or is the best rule's.

    **Rules.** rate_based, bba, bola (the zero of the normalised return), robust_mpc_5, robust_mpc_8 (predictive
    control), dynamic_program (optimal for a Markov chain of throughputs), and the same kept to a number of switches:
    dynamic_program_2_switches, dynamic_program_4_switches, dynamic_program_8_switches. With traces from files also
    mean_program, mean_program_2_switches, ...: the same by the last throughput and the running mean of past ones.

    **Forecasts.** Throughput is what nature decides. A model's futures of it are judged by the tables of the dynamic
    program, which keep to limits on switches; other limits are asked of its plans.

    **Source.** Mao et al., Neural adaptive video streaming with Pensieve, SIGCOMM 2017, and its published simulator.
    """

    name = "video-streaming"
    summary = "Choose the bitrate of each chunk of a video while the throughput of the link varies"
    purposes = ("stream video", "play video", "watch video", "watch a film", "video session")
    Parameters = VideoParameters
    generation = "forecasts"
    integer_labels = frozenset({"switches"})
    exogenous = ("throughput",)
    history = ("earlier_throughput",)
    totals = TOTALS
    labels = LABELS

    def __init__(self, parameters: VideoParameters) -> None:
        super().__init__(parameters)
        self.horizon, self.segments = parameters.chunks, parameters.segments
        self.video = (Video.generated(self.horizon) if parameters.video is None else
                      Video.read(parameters.video, self.horizon))
        self.logs = [] if parameters.traces is None else traces.read(parameters.traces, parameters.source)
        self.choices = self.action_size = len(self.video.bitrates)
        self.session = Session(self.video, self.horizon)
        self.context_features = (Feature("duration", "s", 0.0, LONGEST, self.segments),
                                 Feature("throughput", "Mbit/s", 0.0, MOST_MBIT_S, self.segments))
        self.state_features = self.session.features()
        self.observation_features = (*self.state_features, Feature("time", "1", 0.0, 1.0))
        # Generated traces are a Markov chain, of which the last throughput says all.
        kinds = {"dynamic_program": False, "mean_program": True} if self.logs else {"dynamic_program": False}
        self.rules = {**{name: self._rule(policy) for name, policy in RULES.items()},
                      **{f"{name}_{budget}_switches" if budget else name: partial(self._by_program, budget, means)
                         for name, means in kinds.items() for budget in (None, *BUDGETS)}}
        self.presets = {"first": self.draw_contexts(1, torch.Generator().manual_seed(0))[0]}
        self.programs = Programs(self.video, self.throughputs)

    # --- what nature decides -------------------------------------------------------------------------------------
    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw generated traces, or logs of the files, each begun at any of its segments."""
        if not self.logs:
            return torch.cat(traces.generated(count, self.segments, generator), dim=1)
        return torch.cat(traces.drawn(self.logs, count, self.segments, generator), dim=1)

    def check_contexts(self, contexts: Tensor) -> Tensor:
        """Return contexts as float32 (B, C) after checking size, finiteness and bounds, and that each carries video.

        Raises:
            ContextError: naming the first value at fault, with what is allowed.
        """
        contexts = super().check_contexts(contexts)
        empty = (self.links(contexts).carried[:, -1] <= 0).nonzero()
        if len(empty):
            raise ContextError(f"Context {int(empty[0])}: no segment has both a duration and a throughput above 0; "
                               "allowed: traces that carry something.")
        return contexts

    def links(self, contexts: Tensor) -> Links:
        """Return the links of contexts (B, C)."""
        return Links.of(*contexts.split(self.segments, dim=1))

    def throughputs(self) -> Tensor:
        """Return log2 throughputs (B, T) of the chunks of sessions that BOLA plays over drawn contexts."""
        contexts = self.draw_contexts(FITTED, torch.Generator().manual_seed(FITTED_SEED))
        states, series = self.initial_state(contexts), []
        for _ in range(self.horizon):
            states, _ = self.step(contexts, states, self.rules["bola"](contexts, states))
            series.append(states[:, 0])
        return torch.stack(series, 1)

    # --- dynamics ------------------------------------------------------------------------------------------------
    def start(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Return an empty player (B, S) and the first totals (B, K)."""
        observed, totals = (values.to(contexts.device).repeat(len(contexts), 1) for values in self.session.start())
        return observed, totals

    def decide(self, contexts: Tensor, observed: Tensor, totals: Tensor, time: Tensor, past: Tensor,
               decision: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Download and play one chunk in each session."""
        choice, totals = decision[:, 0].long(), totals.double()
        clock, size = totals[:, 0], self.video.sizes.to(contexts.device)[time, choice]
        download = self.links(contexts).arrival(clock[:, None], size[:, None])[:, 0] - clock
        return self.session.played(observed, totals, time, choice, download)

    def result(self, contexts: Tensor, totals: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return utility (B,) and labels, each (B,)."""
        return self.session.result(totals)

    # --- rules ---------------------------------------------------------------------------------------------------
    def last_choice(self, states: Tensor) -> Tensor:
        """Return the number of the last bitrate (B,) int64 in states (B, Z)."""
        return self.session.last_choice(states)

    def switches_left(self, states: Tensor, budget: int) -> Tensor:
        """Return how many of a session's switches are left (B,) int64, at least 0."""
        return (budget - self.parts(states)[1][:, TOTALS.index("switches")]).round().long().clamp_min(0)

    def view(self, states: Tensor) -> View:
        """Return what rules look at in states (B, Z), all after the same number of chunks."""
        observed, _, time, _ = self.parts(states)
        return self.session.view(observed, int(time[0]))

    def _rule(self, policy: Policy) -> Rule:
        begin = one_hot(torch.tensor([START]), self.action_size).double()

        def scores(part: Tensor) -> Tensor:
            view = self.view(part)
            return policy(view) if view.time > 0 else begin.expand(len(part), -1)
        return lambda contexts, states: self.by_time(states, scores)

    def by_time(self, states: Tensor, scores: Callable[[Tensor], Tensor]) -> Tensor:
        """Return scores (B, J) of states (B, Z), asked for those after equally many chunks together."""
        time = self.parts(states)[2]
        every = torch.zeros(len(states), self.action_size, dtype=torch.float64)
        for moment in time.unique().tolist():
            rows = (time == moment).nonzero()[:, 0]
            every[rows] = scores(states[rows]).double()
        return every

    def _by_program(self, budget: int | None, means: bool, contexts: Tensor, states: Tensor) -> Tensor:
        worth = self.programs.worth(budget, means)

        def scores(part: Tensor) -> Tensor:
            view = self.view(part)
            left = None if budget is None else self.switches_left(part, budget)
            if view.time == 0:
                return worth.table.first_worth(self.programs.chain, view.last, left)
            return worth(view.time, view.buffer, view.last, part[:, 0], self._mean(part, view), left)
        return self.by_time(states, scores)

    @staticmethod
    def _mean(states: Tensor, view: View) -> Tensor:
        """Return the running mean (B,) of the throughputs in states (B, Z); any where there was none."""
        return running_mean(states[:, :max(1, min(PAST, view.time))])

    # --- forecasts -----------------------------------------------------------------------------------------------
    def judges(self, constraints: Sequence[Constraint]) -> bool:
        """Return whether there is no constraint but upper limits on switches."""
        return all(constraint.label == "switches" and constraint.upper for constraint in constraints)

    def judge(self, contexts: Tensor, states: Tensor, futures: Tensor, constraints: Sequence[Constraint]) -> Tensor:
        """Return what each next bitrate (B, J) is worth over futures of log2 throughput (B, F, H, 1); see `critic`."""
        budget = min((int(constraint.threshold) for constraint in constraints), default=None)
        worth = self.programs.worth(budget, means=bool(self.logs))

        def scores(part: Tensor) -> Tensor:
            view, left = self.view(part), None if budget is None else self.switches_left(part, budget)
            return critic.mean_worth(worth, view, futures[:, :, :, 0].cpu(), self._mean(part, view), left)
        return self.by_time(states.cpu(), scores).to(states.device)

    # --- designs -------------------------------------------------------------------------------------------------
    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the utility (B,) of BOLA."""
        return self.outcome(contexts, self.rollout(self.rules["bola"], contexts))[0]

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the clairvoyant bound and the best design known of each context (B, C); see `certificate`."""
        device, contexts = contexts.device, contexts.cpu()
        limits = Limits.of(constraints, self.horizon, self.video.chunk_seconds)
        solved = [solve(self.video, self.links(row[None]), limits) for row in contexts]
        designs = torch.stack([torch.stack([result.design for result in solved]),
                               *(rule(contexts) for rule in self.heuristics.values())])
        outcomes = [self.outcome(contexts, self.replay(contexts, design)) for design in designs]
        meets = torch.stack([satisfied(constraints, labels, len(contexts)) for _, labels in outcomes])
        feasible = meets.any(0)
        best = torch.stack([value for value, _ in outcomes]).where(meets | ~feasible, -torch.inf).argmax(0)
        bound = torch.tensor([result.bound for result in solved], dtype=torch.float64)
        impossible = bound < 0.5 * NEVER
        return Certificate(bound.where(~impossible, torch.nan).to(device),
                           designs[best, torch.arange(len(best))].float().to(device), feasible.to(device),
                           CertificateKind.UPPER_BOUND, STATEMENT, impossible=impossible.to(device))

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return how many chunks have each bitrate."""
        chosen = one_hot(designs.long().clamp(0, self.action_size - 1), self.action_size)
        return {"chunks [1]": chosen.sum(1).double()}

    def entity_names(self, count: int) -> list[str]:
        """Return "0.3 Mbit/s", "0.75 Mbit/s", ..."""
        return [f"{bitrate:g} Mbit/s" for bitrate in self.video.bitrates.tolist()][:count]

    def moments(self, context: Tensor, path: Tensor) -> Moments:
        """Return what states (t+1, S) or (t+1, Z) tell of a session in one context (C,), in the time of the link."""
        durations, throughputs = context.split(self.segments)
        return Moments.of(durations, throughputs, path, self.video.chunk_seconds)

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw bitrate, buffer and throughput over time; see `picture`."""
        from aign.scenarios.video_streaming.picture import draw
        return draw(self.moments(context.cpu(), path.cpu()), self.video.bitrates.tolist(), title)
