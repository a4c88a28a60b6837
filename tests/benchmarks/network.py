"""How fast the denoiser is beside diffusers' UNet1DModel with as many parameters: forward and training step, same run.

    python tests/benchmarks/network.py [variant] [rounds]

The rival has the block set of diffusers' reinforcement-learning models (Janner et al. 2022) and sees nothing but the
noisy states: no known values, no conditions. On the CPU one thread; where there is a GPU also there, in bfloat16 and
compiled, with designs a second of the whole pipeline. Rounds of the two networks take turns, which shares out whatever
else the machine does; a ratio below 1 means that ours is faster.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from diffusers import UNet1DModel
from torch import nn

from aign import params
from aign.diffusion.conditions import Conditions
from aign.diffusion.inverse_dynamics import InverseDynamics
from aign.diffusion.model import DesignModel
from aign.diffusion.noise_schedule import NoiseSchedule
from aign.diffusion.normaliser import Normaliser
from aign.diffusion.unet import TemporalUNet
from aign.scenarios.core.scenario import Scenario

PARAMETERS = Path(__file__).parents[2] / "params.yaml"
BATCHES = (32, 256)
OURS, RIVAL = "TemporalUNet", "UNet1DModel"
Call = Callable[[], object]
Run = Callable[[nn.Module], torch.Tensor]


def size(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def rival(states: int, length: int, parameters: int) -> UNet1DModel:
    """The two-level UNet1DModel, its second level about twice as wide, whose size is nearest to `parameters`."""
    def build(top: int, bottom: int) -> UNet1DModel:
        return UNet1DModel(sample_size=length, in_channels=states, out_channels=states, freq_shift=1,
                           time_embedding_type="positional", use_timestep_embedding=True, flip_sin_to_cos=False,
                           down_block_types=("DownResnetBlock1D",) * 2, up_block_types=("UpResnetBlock1D",),
                           mid_block_type="MidResTemporalBlock1D", out_block_type="OutConv1DBlock",
                           block_out_channels=(top, bottom), act_fn="mish", norm_num_groups=8, layers_per_block=1)

    def distance(widths: tuple[int, int]) -> int:
        with torch.device("meta"):
            return abs(size(build(*widths)) - parameters)

    choices = [(top, bottom) for top in range(16, 129, 8) for bottom in range(2 * top - 8, 2 * top + 9, 8)]
    return build(*min(choices, key=distance))


def stepping(network: nn.Module, run: Run, target: torch.Tensor, compiled: bool) -> Call:
    """A whole training step as the trainer takes it: loss, gradient, clipping, AdamW."""
    optimiser = torch.optim.AdamW(network.parameters(), 1e-4, fused=True)
    fast = torch.compile(network) if compiled else network

    def step() -> None:
        with torch.autocast(target.device.type, torch.bfloat16, enabled=target.is_cuda):
            loss = (run(fast) - target).float().square().mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    return step


def forward(network: nn.Module, run: Run) -> Call:
    def once() -> None:
        with torch.no_grad():
            run(network)
    return once


def medians(calls: dict[str, Call], rounds: int, device: torch.device) -> dict[str, float]:
    """Median seconds a call; the calls take turns."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 3):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if number >= 3:  # the first calls choose algorithms and compile
                taken[name].append(time.perf_counter() - start)
    return {name: median(times) for name, times in taken.items()}


def compare(ours: TemporalUNet, other: UNet1DModel, length: int, rounds: int, device: torch.device) -> None:
    shape = ours.config
    for batch in BATCHES:
        noisy = torch.randn(batch, length, shape["state_size"], device=device)
        channels_first = noisy.transpose(1, 2).contiguous()
        step = torch.randint(100, (batch,), device=device)
        known = torch.randn(batch, shape["known_size"], device=device)
        conditions = torch.randn(batch, shape["condition_count"], device=device)
        shown = torch.rand(conditions.shape, device=device) < 0.5

        def run_ours(network, inputs=(noisy, step, known, conditions, shown)):
            return network(*inputs)

        def run_other(network, inputs=(channels_first, step)):
            return network(*inputs).sample.transpose(1, 2)

        runs = {OURS: (ours, run_ours), RIVAL: (other, run_other)}
        tasks = {"forward": {name: forward(*run) for name, run in runs.items()},
                 "training step": {name: stepping(*run, noisy, False) for name, run in runs.items()}}
        if device.type == "cuda":
            tasks["training step, compiled"] = {name: stepping(*run, noisy, True) for name, run in runs.items()}
        for task, calls in tasks.items():
            times = medians(calls, rounds, device)
            print(f"{device.type} batch {batch:4d} {task:24s} {OURS} {times[OURS] * 1e3:8.3f} ms   "
                  f"{RIVAL} {times[RIVAL] * 1e3:8.3f} ms   ratio {times[OURS] / times[RIVAL]:.2f}")


def designs_a_second(unet: TemporalUNet, scenario: Scenario, stride: int, settings, device: torch.device) -> None:
    """Whole pipeline with the default sampling on fresh contexts: weights do not matter for speed."""
    contexts = scenario.draw_contexts(4096, torch.Generator().manual_seed(0))
    fixed = scenario.fixed_observation(contexts)
    names = [label.name for label in scenario.labels]
    scale = [[-1.0, 1.0]] * len(names)
    inverse = InverseDynamics(scenario.state_size, fixed.shape[1], scenario.action_size)
    design = {"scenario": scenario.spec(), "horizon": scenario.horizon, "stride": stride,
              "normaliser": Normaliser.fit(scenario, fixed).to_json(),
              "conditions": Conditions(names, scale, scale, ["lower"] * len(names)).to_json()}
    pipeline = DesignModel(unet.eval(), inverse.eval(), NoiseSchedule.of(settings.noise_steps, settings.prediction),
                           design).to(device)
    for count in (32, 256) if device.type == "cpu" else (32, 256, 4096):
        taken = medians({"": lambda count=count: pipeline(contexts[:count], torch.ones(count))}, 3, device)[""]
        print(f"{device.type} pipeline, {count} contexts at once: {count / taken:,.0f} designs/s")


def main(variant: str = "power-20", rounds: str = "40") -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    chosen = params.load(PARAMETERS).variant(variant)
    scenario, settings = chosen.create_scenario(), chosen.train
    length, states, shape = scenario.horizon // settings.stride, scenario.state_size, settings.network
    known = scenario.observation_size - 1
    ours = TemporalUNet(states, known, 1 + len(scenario.labels), shape.channels, list(shape.multipliers), shape.kernel,
                        shape.embedding, shape.groups)
    other = rival(states, length, size(ours))
    print(f"{variant}: {length} states of {states} values; torch {torch.__version__}")
    print(f"{OURS} {size(ours)} parameters, {RIVAL} {tuple(other.config.block_out_channels)} {size(other)} "
          f"({size(other) / size(ours) - 1:+.1%})")
    for device in [torch.device("cpu"), *([torch.device("cuda")] if torch.cuda.is_available() else [])]:
        if device.type == "cuda":
            print(torch.cuda.get_device_name())
        compare(ours.to(device), other.to(device), length, int(rounds), device)
        designs_a_second(ours, scenario, settings.stride, settings, device)


if __name__ == "__main__":
    main(*sys.argv[1:])
