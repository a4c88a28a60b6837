"""The functions of `import aign`. Each loads what it needs when it is called, so that importing them is light."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aign.designs.answer import Answer
    from aign.designs.requests import Request
    from aign.diffusion.model import DesignModel
    from aign.diffusion.pipeline import DesignPipeline
    from aign.scenarios.core.scenario import Scenario
    from aign.trajectories.reader import TrajectoryStore


def scenario(name: str, **parameters: Any) -> Scenario[Any]:
    """Build a network scenario; `aign scenarios` on the command line lists names and parameters.

    Raises:
        aign.AignError: an unknown name or parameter, or a value out of range.

    Example:
        >>> network = aign.scenario("water-filling", channels=4)
        >>> [label.name for label in network.labels]
        ['total_power', 'max_power', 'active_channels']
    """
    from aign.scenarios.core.registry import create

    return create(name, **parameters)


def load_dataset(folder: str | Path, trust_code: bool = False) -> TrajectoryStore:
    """Open a trajectory dataset after checking its files against their checksums; arrays are memory-mapped.

    Args:
        folder: as `aign collect`, `aign dataset import` or `aign dataset merge` wrote it; or its address in storage,
            such as s3://bucket/power-20, of which a column is fetched when it is read, and whose shards are checked by
            size: `aign dataset verify` reads every byte.
        trust_code: whether the code that the dataset's scenario names, such as the module of somebody's environment,
            may be imported and run.

    Raises:
        aign.AignError: the folder is missing, foreign, incomplete or damaged, or names code that is not trusted.

    Example:
        >>> dataset = aign.load_dataset("data/trajectories/water-4")
        >>> dataset.scenario.name
        'water-filling'
    """
    from aign.trajectories.reader import TrajectoryStore

    return TrajectoryStore.open(folder, trust_code=trust_code)


def load_model(folder: str | Path, trust_code: bool = False) -> DesignPipeline:
    """Open a trained model after checking every byte against its manifest; nothing is unpickled or downloaded.

    Args:
        folder: as `aign train` or `DesignPipeline.save_pretrained` wrote it; or its address in storage, such as
            s3://bucket/power-20.
        trust_code: as in `load_dataset`.

    Raises:
        aign.AignError: the folder is missing, foreign, incomplete or damaged, or names code that is not trusted.

    Example:
        >>> model = aign.load_model("models/water-4")
        >>> model.scenario.horizon > 0
        True
    """
    from aign.diffusion import store
    from aign.diffusion.pipeline import DesignPipeline
    from aign.errors import ModelError
    from aign.files.mirror import Mirror
    from aign.files.remote import is_remote

    if not is_remote(folder):
        return DesignPipeline.of(store.load(folder, trust_code))
    mirror = Mirror(str(folder), error=ModelError)
    with mirror.named():
        mirror.fetch_all()
        return DesignPipeline.of(store.load(mirror.folder, trust_code))


def design(model: DesignModel | str | Path, request: Request | None = None, seed: int = 0) -> Answer:
    """Generate designs for a request, verify each in the simulator, and rank them beside a certificate.

    Args:
        model: a model, or its folder.
        request: what is wanted; by default designs without constraints for a context drawn with `seed`.
        seed: of the generator, and of the context where the request names none; equal seeds give equal designs.

    Returns:
        the answer: `rows()` holds one dictionary a design, the best first; `optimum` is the certified utility under
        the constraints, and `feasible` tells whether any design is known to meet them. `best_values` say how good
        labels can be that are objectives; `front` holds the designs that no other beats in several; `changes` lead
        from a deployed design to the best one, and `suggest()` returns few that would do. `to_json()` is all of it as
        plain values, which `save` writes beside tables and pictures.

    Raises:
        aign.AignError: the model cannot be opened, or the request does not fit its network.

    Example:
        >>> answer = aign.design("models/water-4", aign.Request(where=["total_power<=2"], count=4), seed=1)
        >>> len(answer.rows()), answer.rows()[0]["total_power"] <= 2
        (4, True)
    """
    from aign.designs.answer import answer
    from aign.designs.requests import Request
    from aign.diffusion import store

    opened = store.load(model) if isinstance(model, str | Path) else model
    return answer(opened, (request or Request()).resolve(opened.scenario, seed), seed=seed)
