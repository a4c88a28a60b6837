"""Bitrate selection on real traces: rules, dynamic programs and forecasts, paired session by session.

    python tests/benchmarks/video_table.py FOLDER [--published FOLDER] [--bounds | --validate | --folds] [--futures 32]

FOLDER holds traces.parquet (columns source, log, time_s, bandwidth_kbit_s), envivio.json and bbb4k.json. Three sets of
sessions of 48 chunks:

- pensieve-test: its 142 traces; learned on pensieve-train. Both are read as that collection's simulator does, which
  takes the value of a time for the interval before it.
- split-by-log: sessions of 320 s from every third 3G log, those whose least possible stalls are at most 4 s over the
  start-up; learned on the other logs.
- 4g: one session from each 4G log, video and throughput scaled by 1 / 8.14; learned on pensieve-train alone.

As in published comparisons every session begins at the second-lowest bitrate, the clairvoyant ones aside. Budgets are
hard limits on a session's switches: rules that know none keep to their bitrate when it is used up. `dynamic_program` is
told the last throughput, `mean_program` the running mean of the last ten as well. `forecasts` is the generator: futures
of throughput by diffusion, judged by the table of `mean_program`; it learns from sessions that the dynamic program
plays, with slips. Futures are of the next chunk, in 10 denoising steps: so they cover validation sessions as they
should (5.4 % of throughputs below their lowest 5 %; 9.9 % with 5 steps). QoE is a mean over chunks; intervals are
bootstrapped over logs. Milliseconds are those of one decision, all sessions of a set being decided together, on one
thread.

`--published FOLDER` adds the session logs of Pensieve-PPO's repository. `--bounds` adds to the table that is there what
a player reaches who knows the link: at least (`clairvoyant`, a design) and at most (`clairvoyant_bound`). `--validate`
holds every fifth training log out and compares on sessions from those alone. `--folds` compares both programs on every
fifth of the training logs in turn, learned on the others: so the settings of `mean_program` were chosen. Without these
options the table is written to data/reports/video/table.json. Nothing is done where FOLDER has no traces.parquet.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import torch

from aign.agents.recording import label
from aign.diffusion.plans import Sampling
from aign.diffusion.quality import HeldOut
from aign.diffusion.settings import NetworkSettings, TrainSettings
from aign.diffusion.training import Trainer
from aign.files.writing import write_json
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.episode import Episode
from aign.scenarios.core.exploration import slipping
from aign.scenarios.video_streaming import VideoStreaming
from aign.scenarios.video_streaming.certificate import stall_floors
from aign.scenarios.video_streaming.session import START
from aign.scenarios.video_streaming.traces import Trace, stacked
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool, Contexts
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.writer import ShardWriter

TO = Path("data/reports/video/table.json")
SCALE, SESSION, MOST_STALL, SEGMENTS = 8.14, 320.0, 4.0, 480
BUDGETS = (None, 2, 4, 8)
PROGRAMS = ("dynamic_program", "mean_program")
CAPPED = ("robust_mpc_5", *PROGRAMS)
RULES = ("rate_based", "bba", "bola", "robust_mpc_8", *CAPPED)
AGAINST = CAPPED
PEERS = {"pensieve_ppo": "ppo", "comyco": "cmc", "a3c": "rl", "published_bola": "bola", "published_mpc": "mpc"}
SESSIONS = {"train": 1_500, "validation": 40, "test": 4}
RESAMPLES, SEED, FOLDS = 4_000, 5, 5


def logs(folder, source):
    """Return the traces of a source; those of Pensieve's collection as its simulator reads them."""
    shift = 1 if source.startswith("pensieve") else 0
    traces = []
    for row in pa.parquet.read_table(folder / "traces.parquet").to_pylist():
        if row["source"] == source:
            durations = np.diff(row["time_s"])
            speeds = np.array(row["bandwidth_kbit_s"])[shift:][:len(durations)] / 1e3
            traces.append(Trace(row["log"], durations, speeds))
    return traces


def scenario_of(folder, work, name, traces, video="envivio"):
    """Return the scenario whose training traces are these; they are written down first."""
    file = work / f"{name}.parquet"
    columns = {"log": [trace.name for trace in traces],
               "time_s": [np.append(0.0, trace.durations.cumsum()) for trace in traces],
               "bandwidth_kbit_s": [np.append(1e3 * trace.throughputs, 0.0) for trace in traces]}
    pa.parquet.write_table(pa.table(columns), file)
    return VideoStreaming.create(segments=SEGMENTS, traces=file, video=work / f"{video}.json")


def write_videos(folder, work):
    """Write both videos in the layout that the scenario reads, the larger one scaled."""
    (work / "envivio.json").write_text((folder / "envivio.json").read_text())
    video = json.loads((folder / "bbb4k.json").read_text())
    sizes = np.array(video["segment_sizes_bits"]).T / 8 / SCALE
    (work / "bbb4k.json").write_text(json.dumps({
        "bitrates_kbit_s": [rate / SCALE for rate in video["bitrates_kbps"]],
        "chunk_seconds": video["segment_duration_ms"] / 1e3, "sizes_bytes": sizes.tolist()}))


def sessions(traces, length=None):
    """Return contexts (B, C) and the log of each: one from the start of a trace, or one every so many seconds."""
    parts = []
    for trace in traces:
        starts = [0]
        if length is not None:
            begun = np.append(0.0, trace.durations.cumsum()[:-1])
            starts = [int(np.searchsorted(begun, moment)) for moment in
                      np.arange(0.0, trace.durations.sum() - length + 1e-9, length)]
        parts += [(trace.name, trace.from_segment(start, SEGMENTS)) for start in starts]
    return torch.cat(stacked([part for _, part in parts]), dim=1), [name for name, _ in parts]


def playable(scenario, contexts, names):
    """Return the sessions whose least possible stalls are at most 4 s over the start-up."""
    kept = []
    for row, context in enumerate(contexts):
        link = scenario.links(context[None])
        startup = float(link.arrival(torch.zeros(1, 1).double(), scenario.video.sizes[:1, :1])) + 0.08
        kept += [row] if float(stall_floors(scenario.video, link)[0]) - startup <= MOST_STALL else []
    return contexts[kept], [names[row] for row in kept]


def trained(scenario, work, name, steps, window):
    """Return a model that learned from sessions of the dynamic program, and the seconds it took."""
    began, generator = time.perf_counter(), torch.Generator().manual_seed(SEED)
    splits, first = {}, 0
    with ShardWriter(work / f"{name}-parts", scenario, 4_096, first_episode_id=0) as writer:
        for split, count in SESSIONS.items():
            values = scenario.draw_contexts(count, generator)
            reference = scenario.reference_utility(values)
            best = scenario.utility(values, scenario.heuristics["dynamic_program"](values)).maximum(reference) + 1.0
            splits[split] = Contexts(torch.arange(first, first + count), values, reference, best, split)
            first += count
            rule = scenario.rules["dynamic_program"]
            act = slipping(lambda contexts, states, rule=rule: scenario.effective_actions(rule(contexts, states)),
                           count, generator)
            rollout = Episode(scenario, values, record=True).run(act).rollout()
            writer.append(label(scenario, splits[split], rollout, "heuristic:dynamic_program"))
    ContextPool(splits).save(work / f"{name}.safetensors", scenario)
    assemble(work / name, writer.close(), scenario, {}, {"contexts.safetensors": work / f"{name}.safetensors"})
    settings = TrainSettings(network=NetworkSettings(channels=32, multipliers=(1,), embedding=64), stride=1,
                             window=window, windows=70_000, steps=steps, batch_size=256, evaluate_every=steps,
                             checkpoint_every=steps, learning_rate=2e-3)
    held = splits["validation"].take(torch.arange(8))
    trainer = Trainer([TrajectoryStore.open(work / name)], settings, SEED, torch.device("cpu"),
                      [HeldOut(held.values, held.reference, held.optimum)], None, {})
    done = trainer.run(work / f"{name}.checkpoint", lambda step: None)
    return done.pipeline, done.history[-1], time.perf_counter() - began


def played(scenario, contexts, scores):
    """Return QoE a chunk (B,), switches (B,) and milliseconds a decision of sessions that scores (B, J) decide."""
    states, spent = scenario.initial_state(contexts), 0.0
    begin = torch.eye(scenario.action_size)[START].expand(len(contexts), -1)
    for moment in range(scenario.horizon):
        began = time.perf_counter()
        actions = begin if moment == 0 else scores(states)
        spent += time.perf_counter() - began
        states, _ = scenario.step(contexts, states, actions)
    utility, labels = scenario.outcome(contexts, states)
    milliseconds = 1e3 * spent / (scenario.horizon - 1) / len(contexts)
    return (utility / scenario.horizon).numpy(), labels["switches"].numpy(), milliseconds


def capped(scenario, contexts, rule, budget):
    """Return scores of a rule that keeps to its bitrate when the budget of switches is used up."""
    def scores(states):
        wanted = rule(contexts, states).double()
        if budget is None:
            return wanted
        spent = scenario.switches_left(states, budget) == 0
        stay = torch.nn.functional.one_hot(scenario.last_choice(states), scenario.action_size).double()
        return torch.where(spent[:, None], stay, wanted)
    return scores


def forecasts(scenario, contexts, pipeline, budget, sampling, ahead=None):
    """Return scores by the generator."""
    generator = torch.Generator().manual_seed(SEED)
    limits = () if budget is None else parse([f"switches<={budget}"], scenario.labels)

    def scores(states):
        futures = pipeline.forecast(states[:, :scenario.state_size].float(), sampling, generator)
        return scenario.judge(contexts, states, futures[:, :, :ahead], limits)
    return scores


def interval(differences, names):
    """Return mean and 95 % interval of differences (B,), bootstrapped over logs."""
    random, groups = np.random.default_rng(0), [np.flatnonzero(np.array(names) == name) for name in sorted(set(names))]
    sums, counts = (np.array([function(differences[group]) for group in groups]) for function in (np.sum, len))
    drawn = random.integers(len(groups), size=(RESAMPLES, len(groups)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), (0.025, 0.975))
    return {"mean": round(float(differences.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def peers(folder, names):
    """Return the QoE a chunk of published session logs, by peer; none without a folder."""
    every = {}
    for peer, word in PEERS.items() if folder else ():
        rows = [[float(line.split()[-1]) for line in (folder / f"log_sim_{word}_{name}").read_text().splitlines()
                 if line.strip()] for name in names]
        every[peer] = np.array([np.mean(rewards) for rewards in rows])
    return every


def compared(name, scenario, contexts, names, pipeline, arguments):
    """Return the rows of one set of sessions."""
    rows, sampling = [], Sampling(steps=arguments.denoising, futures=arguments.futures)
    for budget in BUDGETS:
        quality, milliseconds = {}, {}
        for rule in RULES if budget is None else CAPPED:
            policy = scenario.rules[f"{rule}_{budget}_switches" if budget and rule in PROGRAMS else rule]
            quality[rule], switches, milliseconds[rule] = played(scenario, contexts,
                                                                 capped(scenario, contexts, policy, budget))
            assert budget is None or switches.max() <= budget, rule
        for ahead in arguments.ahead:
            method = "forecasts" if ahead == arguments.ahead[-1] else f"forecasts_{ahead}_ahead"
            quality[method], switches, milliseconds[method] = played(
                scenario, contexts, forecasts(scenario, contexts, pipeline, budget, sampling, ahead))
            assert budget is None or switches.max() <= budget, method
        if budget is None:
            quality |= peers(arguments.published if name == "pensieve-test" else None, names)
        rows += [row(name, budget, method, quality, names, milliseconds.get(method)) for method in quality]
    return rows


def row(name, budget, method, quality, names, milliseconds=None):
    """Return the row of a method, of the QoE of sessions (B,) by method."""
    values = quality[method]
    against = {other: interval(values - quality[other], names) for other in AGAINST if other in quality and
               other != method}
    print(name, budget, method, round(float(values.mean()), 4), against, milliseconds, flush=True)
    return {"set": name, "budget": budget, "method": method, "qoe": round(float(values.mean()), 4),
            "paired_against": against, "milliseconds": None if milliseconds is None else round(milliseconds, 3)}


def bracket(name, scenario, contexts, names):
    """Return the rows of what a player who knows the link reaches at least, and at most."""
    quality = {rule: played(scenario, contexts, partial(scenario.rules[rule], contexts))[0] for rule in AGAINST}
    certificate = scenario.certify(contexts)
    quality["clairvoyant"] = (scenario.utility(contexts, certificate.design) / scenario.horizon).numpy()
    quality["clairvoyant_bound"] = (certificate.utility / scenario.horizon).numpy()
    return [row(name, None, method, quality, names) for method in ("clairvoyant", "clairvoyant_bound")]


def folded(data, work, name, traces):
    """Compare both programs on sessions from every log, where they learned from the other four fifths of the logs."""
    quality, names = {program: [] for program in PROGRAMS}, []
    for fold in range(FOLDS):
        rest = [trace for place, trace in enumerate(traces) if place % FOLDS != fold]
        scenario = scenario_of(data, work, f"{name}-{fold}", rest)
        contexts, held = playable(scenario, *sessions(traces[fold::FOLDS], SESSION))
        names += held
        for program, values in quality.items():
            values += played(scenario, contexts, partial(scenario.rules[program], contexts))[0].tolist()
    quality = {program: np.array(values) for program, values in quality.items()}
    print(len(names), "sessions")
    return [row(name, None, program, quality, names) for program in PROGRAMS]


def sets(data, work, known, others, held):
    """Yield name, scenario, contexts and logs of each set of sessions."""
    first = scenario_of(data, work, "pensieve", known)
    yield "pensieve-test", first, *sessions(logs(data, "pensieve-test"))
    fast = [Trace(trace.name, trace.durations, trace.throughputs / SCALE) for trace in logs(data, "sabre-4g")]
    yield "4g", scenario_of(data, work, "pensieve-4g", known, "bbb4k"), *sessions(fast)
    clean = scenario_of(data, work, "split", others)
    yield "split-by-log", clean, *playable(clean, *sessions(held, SESSION))


def keep(rows, file):
    """Write the rows that there are so far: each set takes minutes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, rows)


def main(arguments):
    """Train both models and compare on all sets."""
    torch.set_num_threads(1)
    if not (arguments.folder / "traces.parquet").is_file():
        print(f"skipped: no traces.parquet in {arguments.folder}; this benchmark reads real traces where they are")
        return
    with tempfile.TemporaryDirectory() as folder:
        work, data = Path(folder), arguments.folder
        write_videos(data, work)
        known, whole = logs(data, "pensieve-train"), logs(data, "sabre-3g")
        held, others = whole[::3], [trace for place, trace in enumerate(whole) if place % 3]
        if arguments.folds:
            folded(data, work, "pensieve-train", known)
            folded(data, work, "3g-train", others)
            return
        if arguments.validate:
            held, known = known[::5], [trace for place, trace in enumerate(known) if place % 5]
            first = scenario_of(data, work, "pensieve", known)
            pipeline = learned(first, work, "pensieve", arguments)
            compared("validation", first, *playable(first, *sessions(held, SESSION)), pipeline, arguments)
            return
        rows = json.loads(arguments.to.read_text()) if arguments.bounds else []
        rows = [line for line in rows if not line["method"].startswith("clairvoyant")]
        for name, scenario, contexts, names in sets(data, work, known, others, held):
            if arguments.bounds:
                rows += bracket(name, scenario, contexts, names)
            else:
                pipeline = pipeline if name == "4g" else learned(scenario, work, name, arguments)
                rows += compared(name, scenario, contexts, names, pipeline, arguments)
            keep(rows, arguments.to)


def learned(scenario, work, name, arguments):
    """Return a trained model; say what its training came to."""
    pipeline, figures, seconds = trained(scenario, work, f"{name}-model", arguments.steps, arguments.window)
    print("trained", name, figures, round(seconds), flush=True)
    return pipeline


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--published", type=Path)
    options.add_argument("--steps", type=int, default=1_500)
    options.add_argument("--window", type=int, default=1)
    options.add_argument("--ahead", type=int, nargs="+", default=[1])
    options.add_argument("--futures", type=int, default=32)
    options.add_argument("--denoising", type=int, default=10)
    options.add_argument("--validate", action="store_true")
    options.add_argument("--bounds", action="store_true")
    options.add_argument("--folds", action="store_true")
    options.add_argument("--to", type=Path, default=TO)
    main(options.parse_args())
