"""Queue scheduling: each slot, serve one of several queues. The smallest whole sequential network; copy it for yours.
Downlink scheduling with random connectivity (Tassiulas and Ephremides 1993), with finite buffers and finite time.

Axes: B networks, J queues, T slots, N backlogs that the J queues can have.
"""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor
from torch.nn.functional import one_hot, pad

from aign.scenarios.core import Certificate, CertificateKind, Constraint, Feature, Label, ScenarioParameters
from aign.scenarios.core.constraints import satisfied
from aign.scenarios.core.sequential import SequentialScenario

RATE, MOST_ARRIVALS = 3, 9  # packets that a channel carries in a slot, and that arrive in a slot, at most
SMALL, AT_ONCE = 4_096, 1 << 22  # backlogs up to which the optimum is computed; values of a policy computed at once


class QueueParameters(ScenarioParameters):
    """Queues J; slots T; buffer of each queue and mean arrivals of a slot over all queues, both in packets."""
    queues: int = Field(3, ge=2, le=10)
    slots: int = Field(20, ge=1, le=1_000)
    buffer: int = Field(7, ge=1, le=100)
    arrivals: float = Field(2.0, gt=0, le=100)


class QueueScheduling(SequentialScenario[QueueParameters]):
    """Packets arrive at J queues, each with a channel of its own; a slot serves one queue. What overflows is lost.

    | | |
    |---|---|
    | observation | packets waiting in each queue (J), packets each channel carries in this slot (J), t/T |
    | action | J scores, of which the largest chooses the queue that is served |
    | reward | packets delivered: those waiting in that queue, at most what its channel carries |
    | start | the packets that arrive in the first slot wait |
    | end | after T slots; packets that still wait are not delivered |

    Utility: packets delivered. Context: channels and arrivals of all slots; agents and rules do not know what comes.
    """
    name, summary = "queue-scheduling", "Serve one queue in each slot to deliver most packets from finite buffers"
    purposes = ("schedule queues", "serve queues")
    Parameters, integer_labels = QueueParameters, frozenset({"lost_packets"})
    labels = (Label("lost_packets", "packet", "lower", "Packets that found their queue full.",
                    ("lost packets", "packets lost", "packet loss", "lose packets", "lose any packets", "loss",
                     "losses", "lose", "lost", "packets", "lossless<=0")),
              Label("mean_backlog", "packet", "lower", "Packets left waiting after a slot, mean over the slots.",
                    ("mean backlog", "average backlog", "backlog", "packets waiting", "packets waiting on average",
                     "waiting on average", "waiting", "average queue length", "packets")),
              Label("jain_delivered", "1", "higher", "Jain's fairness of the packets delivered from each queue.",
                    ("fairness", "Jain's index", "Jain", "fairness among the queues", "queues", "fair",
                     "deliver fairly"),
                    (("%", 0.01),)))

    def __init__(self, parameters: QueueParameters) -> None:
        super().__init__(parameters)
        self.horizon, self.buffer = parameters.slots, parameters.buffer
        self.size = self.choices = self.action_size = size = parameters.queues
        self.totals = ("lost", "waiting", *(f"delivered_{queue}" for queue in range(size)))
        self.context_features = (Feature("channel", "packet", 0, RATE, self.horizon * size),
                                 Feature("arrivals", "packet", 0, MOST_ARRIVALS, self.horizon * size))
        self.state_features = (Feature("backlog", "packet", 0, self.buffer, size),
                               Feature("channel", "packet", 0, RATE, size))
        self.observation_features = (*self.state_features, Feature("time", "1", 0, 1))
        self.rules = {"longest_queue": lambda contexts, states: states[:, :size],
                      "max_weight": lambda contexts, states: states[:, :size] * states[:, size:2 * size],
                      "round_robin": lambda contexts, states: self._one_hot(self.parts(states)[2] % size)}

    def _one_hot(self, queues: Tensor) -> Tensor:
        return one_hot(queues.long(), self.size).float()

    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw channels evenly from 0 to 3 packets, and Poisson arrivals, alike for all queues."""
        channels = torch.randint(RATE + 1, (count, self.horizon * self.size), generator=generator).float()
        mean = torch.full(channels.shape, self.parameters.arrivals / self.size)
        return torch.cat([channels, torch.poisson(mean, generator).clamp_max(MOST_ARRIVALS)], dim=1)

    def slots(self, contexts: Tensor) -> Tensor:
        """Return channels and arrivals (2, B, T+1, J); after the last slot there are none."""
        return pad(contexts.round().unflatten(1, (2, self.horizon, self.size)), (0, 0, 0, 1)).transpose(0, 1)

    def start(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first arrivals as far as they fit, and the packets lost among them."""
        channels, arrivals = self.slots(contexts)
        backlog = arrivals[:, 0].clamp_max(self.buffer)
        return torch.cat([backlog, channels[:, 0]], 1), pad((arrivals[:, 0] - backlog).sum(1, True), (0, 1 + self.size))

    def decide(self, contexts: Tensor, observed: Tensor, totals: Tensor, time: Tensor, past: Tensor,
               decision: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Serve a queue; then the arrivals of the next slot come."""
        (channels, arrivals), after = self.slots(contexts), (torch.arange(len(time)), time + 1)
        backlog, channel = observed.split(self.size, dim=1)
        delivered = backlog.minimum(channel) * self._one_hot(decision[:, 0])
        waiting = backlog - delivered
        backlog = (waiting + arrivals[after]).clamp_max(self.buffer)
        lost = (waiting + arrivals[after] - backlog).sum(1, True)
        totals = totals + torch.cat([lost, waiting.sum(1, True), delivered], 1)
        return torch.cat([backlog, channels[after]], 1), totals, delivered.sum(1).double()

    def result(self, contexts: Tensor, totals: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the packets delivered and the labels."""
        lost, waiting, delivered = totals.double().split([1, 1, self.size], dim=1)
        jain = delivered.sum(1)**2 / (self.size * (delivered**2).sum(1)).clamp_min(1e-9)
        return delivered.sum(1), {"lost_packets": lost[:, 0], "mean_backlog": waiting[:, 0] / self.horizon,
                                  "jain_delivered": jain}

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return the packets delivered from each queue."""
        return {"delivered [packet]": self.parts(self.replay(contexts, designs))[1][:, 2:].double()}

    def entity_names(self, count: int) -> list[str]:
        """Return "queue 1", "queue 2", ..."""
        return [f"queue {number + 1}" for number in range(count)]

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the packets that round robin delivers."""
        return self.utility(contexts, self.heuristics["round_robin"](contexts))

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the optimum by dynamic programming over all backlogs, or the best rule where they are too many."""
        states, designs = (self.buffer + 1)**self.size, [rule(contexts) for rule in self.heuristics.values()]
        if states <= SMALL:
            parts = contexts.split(max(1, AT_ONCE // (self.horizon * states)))
            designs.insert(0, torch.cat([self._optimum(part) for part in parts]))
        utility = torch.stack([self.utility(contexts, design) for design in designs])
        meets = torch.stack([satisfied(constraints, self.measure(contexts, design), len(design)) for design in designs])
        (known, best), feasible = utility.where(meets, -torch.inf).max(0), meets.any(0)
        design, kind = torch.stack(designs)[best, torch.arange(len(best))], CertificateKind.BEST_KNOWN
        if states <= SMALL:
            known, kind = utility[0], CertificateKind.UPPER_BOUND if constraints else CertificateKind.EXHAUSTIVE
        return Certificate(known.where(known.isfinite(), torch.nan), design, feasible, kind,
                           f"Dynamic programming, all arrivals being known, over up to {SMALL} backlogs; the best rule "
                           "where there are more. Constraints are only checked on the optimum and on the rules.",
                           impossible=torch.zeros_like(feasible))

    def _optimum(self, contexts: Tensor) -> Tensor:
        """Return the decisions (B, T) that deliver most: V_t(q) = max_j min(q_j, c_tj) + V_{t+1}(next backlog)."""
        levels, (channels, arrivals) = self.buffer + 1, self.slots(contexts).long()[:, :, :, None]
        radix = levels**torch.arange(self.size, device=contexts.device)  # backlogs are numbered by sum_j q_j radix_j
        backlogs = torch.arange(levels**self.size, device=contexts.device)[:, None] // radix % levels
        value, policy = channels.new_zeros(len(contexts), len(backlogs)), []
        for slot in reversed(range(self.horizon)):
            worth = []
            for served in torch.eye(self.size, dtype=torch.int64, device=contexts.device):
                delivered = served * backlogs.minimum(channels[:, slot])
                after = (backlogs - delivered + arrivals[:, slot + 1]).clamp_max(self.buffer)
                worth.append(delivered.sum(2) + value.gather(1, (after * radix).sum(2)))
            value, choice = torch.stack(worth).max(0)
            policy.append(choice.to(torch.int8))
        chosen = torch.stack(policy[::-1], 1)
        return self.design_of_rule(lambda _, states: self._one_hot(chosen[
            range(len(states)), self.parts(states)[2], (states[:, :self.size].long() * radix).sum(1)]), contexts)

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw the packets waiting in each queue and which queue was served, slot by slot."""
        figure, (backlog, _, time, decisions) = Figure(layout="constrained"), self.parts(path.cpu())
        (above, below), served = figure.subplots(2, sharex=True), decisions[-1, :int(time[-1]), 0]
        above.stackplot(time, backlog[:, :self.size].T, step="post")
        above.set(title=title, ylabel="packets waiting")
        below.scatter(range(len(served)), served)
        below.set(xlabel="slot", ylabel="queue served", yticks=range(self.size))
        return figure
