"""The studies' page: data/reports/tables/README.md, made from the JSON files and plots beside it alone.

A section stands where its file exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aign.engines import messages
from aign.errors import DatasetError
from aign.files.writing import read_json, write_text, writing
from aign.studies import convergence, table_one
from aign.studies.markdown import block, number, table, text

NAME = "README.md"
HEAD = """# The paper's tables, with certificates and error bars

Huang et al. (AIGN, section IV) print one figure for each of three methods at 20, 50 and 80 users: no optimum, no seeds,
no spread. Here every method meets the same unseen networks, a certificate says what the best possible design is worth,
and everything is repeated over seeds. Made by `aign study`; every number stands in a JSON file in this folder.
"""
GAINS = {
    "preset": "The gains of the calibrated preset (spread 0.1). The network's constants were fitted to the paper's "
              "published utilities, so nearness to its figures is calibration, not evidence.",
    "general": "Gains whose spread is drawn anew for each network, from 0.1 to 1.",
}
COLUMNS = {"method": "method", "normalised_return_pooled": "pooled return", "utility_ratio": "U/U*",
           "utility": "utility", "paper": "paper's figure", "training_seconds": "seconds to train",
           "milliseconds_per_design": "ms a design", "environment_steps": "environment steps"}
TRANSFER = {"method": "method", "normalised_return_pooled": "pooled return", "utility_ratio": "U/U*",
            "worst_ratio": "worst U/U*", "utility": "utility",
            "milliseconds_per_design": "ms a design"}
ANSWERED = ("requests", "satisfied_raw", "satisfied", "utility_ratio_mean", "utility_ratio_worst")
OTHERS = {"rate": "Rate utility, where the problem is hard",
          "bias": "Biased and small datasets"}


def write(folder: Path) -> None:
    """Write the page of a folder; sections of studies that were not made are left out.

    Raises:
        DatasetError: a JSON file is damaged.
        StorageError: the page cannot be written.
    """
    with writing(folder / NAME) as aside:
        write_text(aside, page(folder))
    messages.made("study", folder / NAME)


def page(folder: Path) -> str:
    """Return the page."""
    made = {path.stem: read_json(path, DatasetError) for path in sorted(folder.glob("*.json"))}
    parts = [HEAD]
    if "table1" in made:
        parts += [first_table(made["table1"], made.get("tables", {})), converged(made.get("convergence", []), folder)]
    if "table2" in made:
        parts.append(second_table(made["table2"]))
    if made.get("transfer"):
        parts.append(transferred(made["transfer"]))
    if "constraints" in made:
        parts.append(constrained(made["constraints"], folder))
    for name, title in OTHERS.items():
        if name in made:
            parts.append(other(name, title, made[name], folder))
    parts.append(computed(made.get("tables")))
    return "\n".join(part.rstrip() + "\n" for part in parts if part)


def first_table(rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> str:
    """Return Table I: a block for each kind of gains and number of users, its winner in words.

    Args:
        rows: of table1.json.
        about: content of tables.json, which says what the agents were trained on.
    """
    parts = ["## Table I", "U* is a certified upper bound. Pooled return, sum(U - U_ref) / sum(U* - U_ref) over "
             "networks: 0 is the better of full power and noise-limited power, 1 the bound. Brackets: 95 % Student-t "
             "interval of the mean over seeds. `rounded_optimum` is the design the certificate comes with. Environment "
             "steps are those an online method took, or "
             "those in the dataset an offline method learned from.",
             *([f"What the agents were trained on:\n\n{table(about['trained_on'])}"] if "trained_on" in about else [])]
    for gains, meaning in GAINS.items():
        sizes = sorted({row["users"] for row in rows if row["gains"] == gains})
        if sizes:
            parts += [f"### {gains.capitalize()} gains", meaning]
        for users in sizes:
            chosen = table_one.block(rows, users, gains)
            parts += [f"#### {users} users, {gains} gains", won(chosen), table(chosen, COLUMNS)]
    return "\n\n".join(parts)


def won(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence that names the best competing method and whether the runner-up can be told from it."""
    best = table_one.winner(rows)
    rest = [row for row in rows if row["method"] not in (best["method"], *table_one.BOUNDS)]
    sentence = (f"Best: **{best['method']}**, pooled return {text(best['normalised_return_pooled'])}, "
                f"{text(best['utility_ratio'])} of the certified optimum")
    if not rest:
        return f"{sentence}."
    second = max(rest, key=table_one.merit)
    low, high = best["normalised_return_pooled"]["low"], second["normalised_return_pooled"]["high"]
    apart = low is not None and high is not None and low > high
    return (f"{sentence}; next {second['method']}, {text(second['normalised_return_pooled'])}: the intervals "
            f"{'do not overlap' if apart else 'overlap, so no order is claimed'}.")


def converged(rows: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """Return the section on convergence: the plot and where each learner first reaches the goals."""
    if not rows:
        return ""
    flat = []
    for row in rows:
        goals = {f"{axis.replace('_', ' ')} to {goal}": places[axis] for goal, places in row["reached"].items()
                 for axis in ("gradient_steps", "seconds")}
        flat.append({"learner": convergence.NAMES.get(row["method"], row["method"]), "users": row["users"],
                     "final": row["final"], **goals, "largest fall": row["largest_fall"]})
    return "\n\n".join([
        "## Convergence", "Pooled return of single designs on the same 64 validation networks; mean over "
        "seeds, bands span all seeds. A dash: not every seed gets there. Largest fall: how far the quality drops below "
        "its best so far, worst seed. Offline learners need the dataset first: a diamond marks its environment steps. "
        "Seconds of SAC and PPO are those of one repetition, timed without keeping episodes.",
        *pictures(folder, "convergence"), table(flat)])


def second_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return Table II: every claim with its verdict and the figure that decides."""
    return "\n\n".join(["## Table II: the paper's claims", "Each verdict follows from a rule in "
                        "`aign/studies/claims.py`: supported where it holds at every number of users, not supported "
                        "where at none, else mixed.", table(rows, {"claim": "claim", "verdict": "verdict",
                                                                   "figure": "figure that decides"})])


def transferred(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the section on numbers of users nobody trained on."""
    parts = ["## Numbers of users never trained on", "The set diffuser learned the trained numbers together; SAC, PPO "
             "and BCQ policies are shared by all users, so they can be applied as they are; the temporal U-Net cannot."]
    for users in sorted({row["users"] for row in rows}):
        chosen = sorted((row for row in rows if row["users"] == users), key=table_one.merit, reverse=True)
        parts += [f"### {users} users", won(chosen), table(chosen, TRANSFER)]
    return "\n\n".join(parts)


def constrained(content: Mapping[str, Any], folder: Path) -> str:
    """Return the section on constraints: every method by family; how models were chosen stays in the JSON."""
    methods = {"diffuser": content["feasible"], **content["controls"]}
    rows = [{"method": method, "family": family.replace("_", " "), **{name: found.get(name) for name in ANSWERED}}
            for method, families in methods.items() for family, found in families.items()]
    named, settings = content["infeasible"], content["settings"]
    return "\n\n".join([
        "## Constraints that combine",
        "Random requests on unseen networks, each feasible and binding. Satisfied raw: at least one of the generated "
        "designs meets the request before any projection; satisfied: share of returned designs, after it. Utility "
        "ratio: the best design's, to the certified optimum under the constraints, or to the best known where there is "
        "no certificate. Controls answer fewer requests. The diffuser, and masked, which is the same model not shown "
        f"the constraints, took {number(settings['train']['steps'])} gradient steps; the models named from achieved to "
        f"temporal_unet took {number(settings['variant_steps'])}, to be compared with each other. "
        "Everything else, from tightness to the choices made on validation networks, stands in `constraints.json`.",
        *pictures(folder, "constraints"), table(rows),
        "The diffuser's raw satisfaction, seed by seed: " + "; ".join(
            f"{family.replace('_', ' ')} {' / '.join(f'{share:.1%}' for share in shares if share is not None)}"
            for family, shares in content["raw_by_seed"].items()) + ".",
        "Sets of labels whose requests are met least often before any projection:", table(hardest(content)),
        f"Requests that no design can meet: {named['named']} of {named['requests']} named as such; feasible ones "
        f"called infeasible: {content['feasible_called_infeasible']}. Milliseconds a request, median: "
        f"{number(content['milliseconds_per_request'])}."])


def hardest(content: Mapping[str, Any], count: int = 8) -> list[dict[str, Any]]:
    """Return the sets of labels with the lowest raw satisfaction, lowest first."""
    found = [{"labels": labels, **figures} for labels, figures in content["raw_by_labels"].items()]
    return sorted(found, key=lambda row: float(row["satisfied_raw"]))[:count]


def other(name: str, title: str, content: Any, folder: Path) -> str:
    """Return the section of another study, from its JSON and plots."""
    return "\n\n".join([f"## {title}", f"From `{name}.json`.", *pictures(folder, name), block(content, 3)])


def pictures(folder: Path, stem: str) -> list[str]:
    """Return links to the plots whose names start with a study's name."""
    return [f"![{path.stem.replace('_', ' ')}]({path.relative_to(folder).as_posix()})"
            for path in sorted(folder.rglob(f"{stem}*.png"))]


def computed(about: Mapping[str, Any] | None) -> str:
    """Return how the tables were computed."""
    command = "To compute what is missing and rebuild everything here: `aign study` (or `make tables`)."
    if about is None:
        return f"## How it was computed\n\n{command}"
    stale, again, machine = about["stale"], about["same_policy_again"], about["machine"]
    same = sum(again.values())
    lines = [
        f"Seeds: {text(about['seeds'])}. Each repeats contexts, exploration, training and sampling.",
        f"Networks behind each figure of a seed: {about['contexts']}, never seen in training. Best of "
        f"{about['candidates']} where the name says so.",
        f"Certificate: {about['statement']}",
        f"Gradient steps: {text(about['gradient_steps'])}. Weights: {text(about['parameters'])}.",
        "Offline methods are given the same training episodes. BCQ holds as many of their steps in memory as its "
        f"settings allow, drawn evenly; environment steps by number of users: {text(about['bcq_steps_drawn'])}.",
        f"Exploring again with the same seed gives the same policy, bit for bit, in {same} of {len(again)} cases.",
        "Seconds to train begin when the first gradient step can be taken; loading data is not in them "
        f"(at most {number(max(about['preparation_seconds'].values()))} s). Collecting the data is not in those of "
        "offline methods. They are wall-clock seconds beside whatever else the machine did: compare them loosely.",
        f"Machine: {text(machine)}. {machine['workers']} cells ran side by side.",
        f"Code that computed the cells: {text(about['code'])}. "
        + (f"Computed by another version than the present one: {text(stale)}." if stale else
           "All cells were computed by the present version."),
        command]
    return "\n\n".join(["## How it was computed", "\n".join(f"- {line}" for line in lines)])
