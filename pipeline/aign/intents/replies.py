"""Questions about an answer, answered with figures that the simulator and the certificates give: nothing is estimated.

Axes: K designs, X design values, P entities of the network.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from aign.designs.answer import Answer
from aign.designs.events import examples
from aign.designs.explanation import ConstraintEffect
from aign.designs.impact import impact
from aign.designs.requests import Request
from aign.errors import AignError
from aign.intents.draft import Draft
from aign.intents.events import events
from aign.intents.items import Item, items
from aign.intents.vocabulary import Vocabulary, vocabulary
from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.constraints import Constraint, written
from aign.scenarios.core.remembered import certificate_of

KINDS = ("why is user 7 so low?", "what binds?", "what if the {label} goes?", "what would one step more {label} bring?",
         "is this the best there is?", "how different are the designs?", "why can it not be met?")
GOES = re.compile(r"\bgoes\b|\bwithout\b|\bdrop|\bwere not\b|\bdid not\b|\bremove|\bno longer\b|\bignore",
                  re.IGNORECASE)
MORE = re.compile(r"\bmore\b|\bless\b|\bhigher\b|\blower\b|\braise|\brelax|\bstep\b|\bunit\b|\bbuy|\bbring",
                  re.IGNORECASE)
BEST = re.compile(r"\bbest\b|\boptim|\bcertif|\bproven\b|\bbetter\b|\bgap\b", re.IGNORECASE)
BINDS = re.compile(r"\bbinds?\b|\bbinding\b|\bholds? .*back\b|\bprices?\b|\blimits\b|\blimiting\b", re.IGNORECASE)
APART = re.compile(r"\bdifferent\b|\bdiverse\b|\bdiversity\b|\bdiffer\b|\bnovel", re.IGNORECASE)
ENTITY = re.compile(r"\b(?:user|channel|link|device|provider|type|queue|task|slot|number|no\.)\s*#?(\d+)\b",
                    re.IGNORECASE)
IMPOSSIBLE = re.compile(r"\binfeasible\b|\bimpossible\b|\bcannot\b|\bcan't\b|\bnot be met\b|\bnot met\b|\bfeasible\b",
                        re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What there is to say to a question.

    Attributes:
        sentences: of the reply.
        understood: whether the question was; if not, the sentences say what can be asked.
    """

    sentences: tuple[str, ...]
    understood: bool = True


def reply(answer: Answer, text: str) -> Reply:
    """Answer a question about an answer: why, what if a constraint goes, what one step more would bring.

    Certificates are computed anew where the question changes the request.
    """
    words = vocabulary(answer.scenario)
    pieces = [item for item in items(text, words, refining=True) if item.kind in ("label", "number")]
    bounded = _bounded(answer, pieces)
    draft = Draft(text, words)
    events(draft, answer.scenario)
    if "event" in draft.fields:
        return _struck(answer, draft.fields["event"])
    entity = _entity(answer, text)
    if entity is not None:
        return _entity_reply(answer, entity)
    if not answer.feasible and (IMPOSSIBLE.search(text) or text.lower().lstrip().startswith("why")):
        return Reply((f"{answer.verdict}.",))
    if bounded and GOES.search(text):
        return Reply(tuple(_without(answer, bound) for bound in bounded))
    if MORE.search(text) and (bounded or BINDS.search(text) or not pieces) and answer.explanation is not None:
        return _effects(answer, bounded or answer.request.constraints)
    if BEST.search(text):
        return Reply((f"{answer.verdict}.", answer.certificate.statement))
    if APART.search(text):
        return Reply(tuple(answer.diversity.sentences(answer.scenario.distance.unit)))
    if answer.explanation is not None and (BINDS.search(text) or text.lower().lstrip().startswith("why")):
        return Reply(tuple(answer.explanation.sentences()))
    return _not_understood(answer, words)


def _bounded(answer: Answer, pieces: Sequence[Item]) -> list[Constraint]:
    """Return the constraints of the request whose labels are named."""
    names = {phrase.label for item in pieces if item.kind == "label" for phrase in item.phrases}
    return [bound for bound in answer.request.constraints if bound.label in names]


def _not_understood(answer: Answer, words: Vocabulary) -> Reply:
    constraints = answer.request.constraints
    label = words.spoken(constraints[0].label if constraints else answer.scenario.labels[0].name)
    kinds = [kind.format(label=label) for kind in KINDS] + [f"what if {event}?" for event in
                                                            examples(answer.scenario)[:1]]
    return Reply((f"This question is none that can be answered here. Ask, for example: {' '.join(kinds)}",),
                 understood=False)


def _struck(answer: Answer, named: Sequence[str]) -> Reply:
    """Say what events do to the best design, were it deployed; every figure is simulated."""
    request = answer.request
    try:
        struck = Request(tuple(map(str, request.constraints)), context=request.context.tolist(), event=named,
                         objective=tuple(map(str, request.objectives)),
                         start=answer.candidates.designs[0, 0].tolist()).resolve(answer.scenario)
        done = impact(struck)
    except AignError as error:
        return Reply((str(error),))
    changed = [f"{row['label']} {written(row['before'], 5)} -> {written(row['after'], 5)} {row['unit']}".strip()
               for row in done.rows() if row["before"] != row["after"]]
    return Reply((done.sentence(), f"Its figures: {', '.join(changed)}." if changed else "No figure changes."))


def _without(answer: Answer, bound: Constraint) -> str:
    """Say what the best design known is worth without one constraint, certified again."""
    scenario, request = answer.scenario, answer.request
    others = [other for other in request.constraints if other != bound]
    contexts = request.context[None]
    after = certificate_of(scenario, contexts, others)
    if not bool(after.feasible[0]):
        return f"Without {bound} no design is known either."
    value = float(scenario.measure(contexts, after.design)[bound.label][0])
    unit = scenario.label(bound.label).unit
    now = f"{answer.optimum:.4f} ({answer.certificate.kind})" if math.isfinite(answer.optimum) else "none"
    return (f"Without {bound} the certified utility is {_utility(after)} instead of {now}; that design has "
            f"{bound.label} {written(value, 5)}{'' if unit == '1' else f' {unit}'}.")


def _utility(certificate: Certificate) -> str:
    return f"{float(certificate.utility[0]):.4f} ({certificate.kind})"


def _effects(answer: Answer, bounds: Sequence[Constraint]) -> Reply:
    """Say what one step of each bound would bring, certified again."""
    wanted = {str(bound) for bound in bounds}
    effects: Sequence[ConstraintEffect] = answer.explanation.effects if answer.explanation is not None else ()
    told = tuple(effect.sentence() for effect in effects if effect.constraint in wanted)
    return Reply(told or ("The request has no constraint, so none can be loosened.",))


def _entity(answer: Answer, text: str) -> int | None:
    """Return the number of the user, channel, link or such that a question names, from 0; None where it names none."""
    parts = answer.scenario.per_entity(answer.request.context[None], answer.candidates.designs[0, :1])
    count = next((values.shape[1] for values in reversed(parts.values())), 0)
    match = ENTITY.search(text)
    if match is None:
        return None
    number = int(match[1])
    return number - 1 if 1 <= number <= count else None


def _entity_reply(answer: Answer, entity: int) -> Reply:
    """Say what one entity has, its place among all, and what it has in the optimum without constraints."""
    scenario, contexts = answer.scenario, answer.request.context[None]
    here = scenario.per_entity(contexts, answer.candidates.designs[0, :1])
    free = scenario.per_entity(contexts, certificate_of(scenario, contexts).design)
    size = list(here.values())[-1].shape[1]
    sentences, whose = [], scenario.entity_names(size)[entity]
    for name, values in here.items():
        if values.shape[1] != size:
            continue
        value, order = float(values[0, entity]), int((values[0] > values[0, entity]).sum()) + 1
        figure, _, unit = name.removesuffix("]").partition(" [")
        sentences.append(f"{whose[0].upper()}{whose[1:]} has {figure} {value:.4g}{f' {unit}' if unit else ''}, place "
                         f"{order} of {size} from the top; in the optimum without constraints it has "
                         f"{float(free[name][0, entity]):.4g}.")
    features = scenario.context_features
    context = answer.request.context.split([feature.size for feature in features])
    for feature, values in zip(features, context, strict=True):
        if feature.size == size:
            order = int((values > values[entity]).sum()) + 1
            sentences.append(f"Its {feature.name} is {float(values[entity]):.4g}, place {order} of {size} from the "
                             "top.")
    binding = [effect for effect in (answer.explanation.effects if answer.explanation else ()) if effect.binds]
    return Reply((*sentences, *(effect.sentence() for effect in binding)))
