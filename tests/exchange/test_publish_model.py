import json
import shutil

import pytest
from publishing_model import make_model
from smoke import contents

from aign.diffusion import store
from aign.diffusion.pipeline import DesignPipeline
from aign.errors import ModelError, ParameterError
from aign.exchange.publish_model import publish_model
from aign.files import manifest


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Read-only: copy it before damaging it."""
    return make_model(tmp_path_factory.mktemp("model") / "small")


@pytest.fixture
def copy(model, tmp_path):
    return shutil.copytree(model, tmp_path / "copy")


def test_everything_but_the_card_is_copied_byte_for_byte(model, tmp_path):
    publish_model(model, str(tmp_path / "out"))
    old, new = contents(model), contents(tmp_path / "out")
    assert set(new) == {*old, "meta/publication.json"}
    assert {name for name in old if old[name] != new[name]} == {"README.md", "meta/manifest.json"}
    manifest.check(tmp_path / "out", deep=True)


def test_a_published_model_opens_as_any_model(model, tmp_path):
    publish_model(model, str(tmp_path / "out"))
    for opened in (store.load(tmp_path / "out"), DesignPipeline.from_pretrained(tmp_path / "out")):
        weights = store.load(model).unet.state_dict()
        assert all((value == weights[name]).all() for name, value in opened.unet.state_dict().items())


def test_a_second_publish_is_the_same_bytes_also_from_a_published_one(model, tmp_path):
    one = publish_model(model, str(tmp_path / "one"))
    two = publish_model(tmp_path / "one", str(tmp_path / "two"))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert one.digest == two.digest


def test_a_dry_run_tells_files_and_bytes_and_writes_nothing(model, tmp_path):
    told = publish_model(model, str(tmp_path / "out"), dry_run=True)
    assert list(tmp_path.iterdir()) == []
    publish_model(model, str(tmp_path / "out"))
    assert told.files == {name: len(data) for name, data in contents(tmp_path / "out").items()}


def test_a_damaged_model_is_refused(copy, tmp_path):
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"diffusion_pytorch_model\.safetensors"):
        publish_model(copy, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("history", ['{"a": 1}', "[1]", '[{"step": 1}]'])
def test_a_history_that_is_none_is_refused(copy, tmp_path, history):
    (copy / "history.json").write_text(history)
    (copy / manifest.NAME).unlink()
    manifest.build(copy)
    with pytest.raises(ModelError, match=r"history\.json is not what `aign train` writes"):
        publish_model(copy, str(tmp_path / "out"))


def test_no_model_no_report_and_no_dataset_name(model, tmp_path):
    with pytest.raises(ModelError, match="no such model folder"):
        publish_model(tmp_path / "nothing", str(tmp_path / "out"))
    with pytest.raises(ModelError, match=r"metrics\.json: missing"):
        publish_model(model, str(tmp_path / "out"), report=tmp_path / "metrics.json")
    with pytest.raises(ParameterError, match="--dataset power-20"):
        publish_model(model, str(tmp_path / "out"), datasets=["power-20"])
    assert json.loads((model / "history.json").read_text())
