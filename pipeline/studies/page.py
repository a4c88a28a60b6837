"""The studies' page: data/reports/tables/README.md, made from the JSON files and plots beside it alone.

A section stands where its file exists. Files recorded by earlier programs hold plain means of normalised returns
instead of pooled returns; the page then names them so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from aign.engines import messages
from aign.errors import DatasetError
from aign.files.writing import read_json, write_text, writing
from studies import convergence, table_one
from studies.markdown import by_name, listing, number, table, text, words
from studies.params import StudyParams
from studies.runs import PAGES

Row = Mapping[str, Any]
HEAD = """# The paper's tables, with certificates and error bars
{note}
Huang et al. (AIGN, section IV) print one figure for each of three methods at 20, 50 and 80 users: no optimum, no seeds,
no spread. Here every method meets the same unseen networks, a certificate says what the best possible design is worth,
and everything is repeated over seeds. Made by `make tables`; every number stands in a JSON file in this folder.
"""
RECORDED = """
> Recorded before returns were pooled: "normalised return" on this page is the plain mean over contexts of (U - U_ref) /
> (U* - U_ref). No context of these networks is degenerate; Table I's pooled returns, from the same results, stand in
> `pipeline/docs/results.md`. SAC, PPO and BCQ learn with discount 0 (contextual bandits), from difference rewards for
> each user that no dataset holds. `make tables` computes pooled returns.
"""
GAINS = {
    "preset": "The gains of the calibrated preset (spread 0.1). The network's constants were fitted to the paper's "
              "published utilities, so nearness to its figures is calibration, not evidence.",
    "general": "Gains whose spread is drawn anew for each network, from 0.1 to 1.",
}
RETURNS = {table_one.RETURN: "pooled return", table_one.PLAIN: "normalised return"}
MEANINGS = {table_one.RETURN: "Pooled return, sum(U - U_ref) / sum(U* - U_ref) over networks",
            table_one.PLAIN: "Normalised return"}
COLUMNS = {"utility_ratio": "U/U*", "utility": "utility", "paper": "paper's figure",
           "training_seconds": "seconds to train", "milliseconds_per_design": "ms a design",
           "environment_steps": "environment steps"}
TRANSFER = {"utility_ratio": "U/U*", "worst_ratio": "worst U/U*", "utility": "utility",
            "milliseconds_per_design": "ms a design"}
ANSWERED = ("requests", "satisfied_raw", "satisfied", "utility_ratio_mean", "utility_ratio_worst")


def write(params: StudyParams, seed: int, case: str) -> None:
    """Write the page; sections of studies that were not made are left out."""
    with writing(PAGES / "README.md") as aside:
        write_text(aside, page(PAGES))
    messages.made("study page", PAGES / "README.md")


def page(folder: Path) -> str:
    """Return the page of a folder."""
    made = {path.stem: read_json(path, DatasetError) for path in sorted(folder.glob("*.json"))}
    plain = any(table_one.PLAIN in row for name in ("table1", "transfer", "bias") for row in made.get(name, []))
    about = made.get("tables", {})
    sections = {
        "table1": lambda rows: first_table(rows, about),
        "convergence": lambda rows: converged(rows, folder, plain),
        "table2": second_table, "transfer": transferred, "constraints": lambda content: constrained(content, folder),
        "rate": lambda content: other("rate", "Rate utility, where the problem is hard", rate(content), folder),
        "bias": lambda rows: other("bias", "Biased and small datasets", table(rows), folder)}
    parts = [HEAD.format(note=RECORDED if plain else ""),
             *(section(made[name]) for name, section in sections.items() if made.get(name)), computed(about)]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def columns(rows: Sequence[Row], others: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of a table of methods, the return as it was recorded."""
    measure = table_one.measure(rows[0])
    return {"method": "method", measure: RETURNS[measure], **others}


def first_table(rows: Sequence[Row], about: Row) -> str:
    """Return Table I: a block for each kind of gains and number of users, its winner in words; `about`, the content of
    tables.json, says what the agents were trained on.
    """
    parts = ["## Table I", f"U* is a certified upper bound. {MEANINGS[table_one.measure(rows[0])]}: 0 is the better of "
             "full power and noise-limited power, 1 the bound. Brackets: 95 % Student-t interval of the mean over "
             "seeds. `rounded_optimum` is the design the certificate comes with. Environment steps are those an online "
             "method took, or those in the dataset an offline method learned from.",
             *([f"What the agents were trained on:\n\n{table(about['trained_on'])}"] if "trained_on" in about else [])]
    for gains, meaning in GAINS.items():
        parts += [f"### {gains.capitalize()} gains", meaning]
        for users in sorted({row["users"] for row in rows if row["gains"] == gains}):
            chosen = table_one.block(rows, users, gains)
            parts += [f"#### {users} users, {gains} gains", won(chosen), table(chosen, columns(rows, COLUMNS))]
    return "\n\n".join(parts)


def won(rows: Sequence[Row]) -> str:
    """Return a sentence that names the best competing method and whether the runner-up can be told from it."""
    best, *rest = table_one.competing(rows)
    measure = table_one.measure(best)
    sentence = (f"Best: **{best['method']}**, {RETURNS[measure]} {text(best[measure])}, "
                f"{text(best['utility_ratio'])} of the certified optimum")
    if not rest:
        return f"{sentence}."
    low, high = best[measure]["low"], rest[0][measure]["high"]
    apart = low is not None and high is not None and low > high
    return (f"{sentence}; next {rest[0]['method']}, {text(rest[0][measure])}: the intervals "
            f"{'do not overlap' if apart else 'overlap, so no order is claimed'}.")


def converged(rows: Sequence[Row], folder: Path, plain: bool) -> str:
    """Return the section on convergence: the plot and where each learner first reaches the goals."""
    flat = []
    for row in rows:
        goals = {f"{words(axis)} to {goal}": places[axis] for goal, places in row["reached"].items()
                 for axis in ("gradient_steps", "seconds")}
        flat.append({"learner": convergence.NAMES.get(row["method"], row["method"]), "users": row["users"],
                     "final": row["final"], **goals, "largest fall": row["largest_fall"]})
    return "\n\n".join([
        "## Convergence", f"{'Mean normalised' if plain else 'Pooled'} return of single designs on the same 64 "
        "validation networks; mean over seeds, bands span all seeds. A dash: not every seed gets there. Largest fall: "
        "how far the quality drops below its best so far, worst seed. Offline learners need the dataset first: a "
        "diamond marks its environment steps. Seconds of SAC and PPO are those of one repetition, timed without "
        "keeping episodes.",
        *pictures(folder, "convergence"), table(flat)])


def second_table(rows: Sequence[Row]) -> str:
    """Return Table II: every claim with its verdict and the figure that decides."""
    return "\n\n".join(["## Table II: the paper's claims", "Each verdict follows from a rule in "
                        "`pipeline/studies/claims.py` or `bias_claims.py`: supported where it holds at every number of "
                        "users, not supported where at none, else mixed.",
                        table(rows, {"claim": "claim", "verdict": "verdict", "figure": "figure that decides"})])


def transferred(rows: Sequence[Row]) -> str:
    """Return the section on numbers of users nobody trained on."""
    parts = ["## Numbers of users never trained on", "The set diffuser learned the trained numbers together; SAC, PPO "
             "and BCQ policies are shared by all users, so they can be applied as they are; the temporal U-Net cannot."]
    for users in sorted({row["users"] for row in rows}):
        chosen = table_one.ranked([row for row in rows if row["users"] == users])
        parts += [f"### {users} users", won(chosen), table(chosen, columns(rows, TRANSFER))]
    return "\n\n".join(parts)


def constrained(content: Row, folder: Path) -> str:
    """Return the section on constraints: every method by family; how models were chosen stays in the JSON."""
    methods = {"diffuser": content["feasible"], **content["controls"]}
    rows = [{"method": method, "family": words(family), **{name: figures.get(name) for name in ANSWERED}}
            for method, families in methods.items() for family, figures in families.items()]
    infeasible, settings = content["infeasible"], content["settings"]
    seeds = "; ".join(f"{words(family)} {' / '.join(f'{share:.1%}' for share in shares if share is not None)}"
                      for family, shares in content["raw_by_seed"].items())
    return "\n\n".join([
        "## Constraints that combine",
        "Random requests on unseen networks, each feasible and binding. Satisfied raw: at least one of the generated "
        "designs meets the request before any projection; satisfied: share of returned designs, after it. Utility "
        "ratio: the best design's, to the certified optimum under the constraints, or to the best known where there is "
        "no certificate. Controls answer fewer requests. The diffuser, and masked, which is the same model not given "
        f"the constraints, took {number(settings['train']['steps'])} gradient steps; the models named from achieved to "
        f"temporal_unet took {number(settings['variant_steps'])}, to be compared with each other. "
        "Everything else, from tightness to the choices made on validation networks, stands in `constraints.json`.",
        *pictures(folder, "constraints"), table(rows), f"The diffuser's raw satisfaction, seed by seed: {seeds}.",
        "Sets of labels whose requests are met least often before any projection:", table(hardest(content)),
        f"Requests that no design can meet: {infeasible['named']} of {infeasible['requests']} named as such; feasible "
        f"ones called infeasible: {content['feasible_called_infeasible']}. Milliseconds a request, median: "
        f"{number(content['milliseconds_per_request'])}."])


def hardest(content: Row, count: int = 8) -> list[dict[str, Any]]:
    """Return the sets of labels with the lowest raw satisfaction, lowest first."""
    rows = [{"labels": labels, **figures} for labels, figures in content["raw_by_labels"].items()]
    return sorted(rows, key=lambda row: float(row["satisfied_raw"]))[:count]


def rate(content: Mapping[str, Any]) -> str:
    """Return the body of the section on rate utility: verdict, cases and notes."""
    parts = [f"- verdict: {content['verdict']}", "### Cases"]
    for place, values in enumerate(content["cases"], start=1):
        parts += [f"#### {place}", *rate_case(values)]
    return "\n\n".join([*parts, "### Notes", "\n".join(f"- {note}" for note in content["notes"])])


def rate_case(values: Mapping[str, Any]) -> list[str]:
    """Return the parts of a case: what it is, its verdict, and a table or list for each kind of figure."""
    flat = pd.json_normalize(values["budgets"], sep=" ").dropna(axis="columns", how="all").astype(object)
    budgets: list[Any] = flat.where(flat.notna(), None).to_dict("records")
    points = sum(map(len, values["methods"].values()))
    bodies = {
        "best_known_by": listing(values["best_known_by"]),
        "budgets": table(budgets),
        "landscape": listing(values["landscape"]),
        "methods": f"{points} rows; they stand in the JSON file and are drawn in the plot.",
        "proof": listing(values["proof"]) if values["proof"] else "",
        "starts_needed": by_name(values["starts_needed"])}
    return [listing({name: value for name, value in values.items() if name not in bodies or value is None}),
            *(f"##### {name.replace('_', ' ').capitalize()}\n\n{body}" for name, body in bodies.items() if body)]


def other(name: str, title: str, body: str, folder: Path) -> str:
    """Return the section of another study."""
    return "\n\n".join([f"## {title}", f"From `{name}.json`.", *pictures(folder, name), body])


def pictures(folder: Path, stem: str) -> list[str]:
    """Return links to the plots whose names start with a study's name."""
    return [f"![{words(path.stem)}]({path.relative_to(folder).as_posix()})"
            for path in sorted(folder.rglob(f"{stem}*.png"))]


def computed(about: Row) -> str:
    """Return how the tables were computed."""
    command = "To compute what is missing and rebuild everything here: `make tables`."
    if not about:
        return f"## How it was computed\n\n{command}"
    again, machine = about["same_policy_again"], about["machine"]
    stale = f"Computed by another version than the latest one: {text(about['stale'])}. " if about.get("stale") else ""
    lines = [
        f"Seeds: {text(about['seeds'])}. Each repeats contexts, exploration, training and sampling.",
        f"Networks behind each figure of a seed: {about['contexts']}, never seen in training. Best of "
        f"{about['candidates']} where the name says so.",
        f"Certificate: {about['statement']}",
        f"Gradient steps: {text(about['gradient_steps'])}. Weights: {text(about['parameters'])}.",
        "Offline methods are given the same training episodes. BCQ holds as many of their steps in memory as its "
        f"settings allow, drawn evenly; environment steps by number of users: {text(about['bcq_steps_drawn'])}.",
        f"Exploring again with the same seed gives the same policy, bit for bit, in {sum(again.values())} of "
        f"{len(again)} cases.",
        "Seconds to train begin when the first gradient step can be taken; loading data is not in them "
        f"(at most {number(max(about['preparation_seconds'].values()))} s). Collecting the data is not in those of "
        "offline methods. They are wall-clock seconds beside whatever else the machine did: compare them loosely.",
        f"Machine: {text(machine)}. At most {machine['workers']} tasks ran side by side.",
        *([f"Code that computed the runs: {text(about['code'])}. {stale}"] if "code" in about else []), command]
    return "\n\n".join(["## How it was computed", "\n".join(f"- {line.rstrip()}" for line in lines)])
