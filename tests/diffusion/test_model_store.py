import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from aign.diffusion import store
from aign.diffusion.model import DesignModel
from aign.diffusion.pipeline import DesignPipeline
from aign.diffusion.plans import Sampling
from aign.errors import ModelError, ParameterError
from aign.files import manifest

OFFLINE = """
import socket, sys, torch
def refuse(*arguments, **options):
    raise SystemExit("the network was used or a pickle was read")
class Refused(socket.socket):  # urllib3 makes one when it is imported, to learn of IPv6; nobody may connect
    connect = connect_ex = send = sendto = sendall = refuse
socket.socket = Refused
socket.create_connection = socket.getaddrinfo = torch.load = refuse
from aign.diffusion.pipeline import DesignPipeline
from aign.diffusion.plans import Sampling
pipeline = DesignPipeline.from_pretrained(sys.argv[1])
contexts = pipeline.scenario.draw_contexts(3, torch.Generator().manual_seed(0))
plans = pipeline(contexts, torch.ones(3), sampling=Sampling(steps=4), generator=torch.Generator().manual_seed(0))
print(plans.designs.numpy().tobytes().hex())
"""


@pytest.fixture
def copy(model_folder, tmp_path):
    return shutil.copytree(model_folder, tmp_path / "models" / "copy")


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def designs(pipeline):
    contexts = pipeline.scenario.draw_contexts(3, torch.Generator().manual_seed(0))
    return pipeline(contexts, torch.ones(3), sampling=Sampling(steps=4),
                    generator=torch.Generator().manual_seed(0)).designs


def test_saving_and_opening_changes_no_bit(pipeline, model_folder):
    opened = store.load(model_folder)
    assert isinstance(opened, DesignModel)
    assert opened.scenario.spec() == pipeline.scenario.spec()
    assert opened.normaliser == pipeline.normaliser
    assert opened.conditions == pipeline.conditions
    for name in ("unet", "inverse"):
        for key, value in getattr(pipeline, name).state_dict().items():
            assert torch.equal(getattr(opened, name).state_dict()[key], value), key
        assert not getattr(opened, name).training
    assert torch.equal(opened.schedule.alphas_cumprod, pipeline.schedule.alphas_cumprod)
    assert json.dumps(opened.design, sort_keys=True) == json.dumps(pipeline.design, sort_keys=True)
    assert torch.equal(designs(opened), designs(pipeline))


def test_the_folder_holds_weights_json_and_a_card_only(trained, model_folder):
    names = files(model_folder)
    assert {os.path.splitext(name)[1] for name in names} == {".json", ".md", ".safetensors"}
    assert "unet/diffusion_pytorch_model.safetensors" in names
    assert json.loads((model_folder / "history.json").read_text()) == list(trained.history)
    card = (model_folder / "README.md").read_text()
    assert "water-filling" in card
    assert "total_power, max_power, active_channels" in card
    assert str(model_folder.parent) not in "".join(path.read_text() for path in model_folder.rglob("*.*")
                                                  if path.suffix in (".json", ".md")), "nothing depends on the place"


def test_the_same_model_is_the_same_bytes(pipeline, trained, model_folder, tmp_path):
    store.save(pipeline, tmp_path / "small", trained.history)
    assert files(tmp_path / "small") == files(model_folder)
    for name in files(model_folder):
        assert (tmp_path / "small" / name).read_bytes() == (model_folder / name).read_bytes(), name


def test_a_fresh_process_opens_it_without_network_and_pickle(pipeline, model_folder):
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", OFFLINE, str(model_folder)], env=environment, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    made = torch.frombuffer(bytearray.fromhex(done.stdout.strip()), dtype=torch.float32).reshape(3, 4)
    torch.testing.assert_close(made, designs(pipeline), atol=1e-5, rtol=1e-5)


def test_opening_prints_nothing(model_folder, capfd):
    store.load(model_folder)
    assert capfd.readouterr() == ("", "")


def test_opening_changes_no_file(copy):
    before = {name: (copy / name).read_bytes() for name in files(copy)}
    store.load(copy)
    assert {name: (copy / name).read_bytes() for name in files(copy)} == before


def test_every_damage_to_any_file_is_found_and_the_file_named(copy):
    for name in files(copy):
        path = copy / name
        content = path.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1:])
            with pytest.raises(ModelError) as caught:
                store.load(copy)
            assert str(path) in str(caught.value), (name, place)
        for damaged in (content[:-1], content[:len(content) // 2], b"", content + b" "):
            path.write_bytes(damaged)
            with pytest.raises(ModelError) as caught:
                store.load(copy)
            assert str(path) in str(caught.value), (name, len(damaged))
        path.unlink()
        with pytest.raises(ModelError) as caught:
            store.load(copy)
        assert path.name in str(caught.value)
        path.write_bytes(content)
    store.load(copy)


@pytest.mark.parametrize("name", ["unet/diffusion_pytorch_model.bin", "other.safetensors", ".hidden", "notes/a.txt"])
def test_foreign_files_are_found_and_named(copy, name):
    path = copy / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    with pytest.raises(ModelError, match="foreign") as caught:
        store.load(copy)
    assert str(path) in str(caught.value)


def test_other_folders_are_refused(tmp_path, dataset):
    with pytest.raises(ModelError, match="no such model folder"):
        store.load(tmp_path / "none")
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        store.load(tmp_path)
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        store.load(dataset.folder)
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(ModelError, match=r"manifest\.json: missing"):
        store.load(tmp_path)


@pytest.mark.parametrize(("name", "change"), [
    ("unet/config.json", {"channels": 24}), ("unet/config.json", {"speed": 3, "kernel": 5}),
    ("model_index.json", {"unet": ["aign.diffusion.unet", "SpatialUNet"]}),
    ("model_index.json", {"unet": ["aign.diffusion.u_net", "TemporalUNet"]}),
    ("model_index.json", {"inverse": ["nothing", "InverseDynamics"]}),
    ("unet/config.json", {"groups": 7})])
def test_a_whole_folder_of_other_code_is_refused(copy, name, change):
    path = copy / name
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    (copy / manifest.NAME).unlink()
    manifest.build(copy)
    with pytest.raises(ModelError, match="cannot be opened as a design pipeline") as caught:
        store.load(copy)
    assert str(copy) in str(caught.value)


def test_a_save_that_fails_keeps_the_old_folder(pipeline, copy, monkeypatch):
    def full(folder):
        raise RuntimeError("stopped")

    before = {name: (copy / name).read_bytes() for name in files(copy)}
    monkeypatch.setattr(manifest, "build", full)
    with pytest.raises(RuntimeError, match="stopped"):
        store.save(pipeline, copy, [])
    assert {name: (copy / name).read_bytes() for name in files(copy)} == before
    assert list(copy.parent.iterdir()) == [copy]


def edited(folder, **design):
    """Change what a model says it was trained on; only `find` will read it."""
    path = folder / "model_index.json"
    index = json.loads(path.read_text())
    index["design"] |= design
    path.write_text(json.dumps(index))


def test_the_model_of_a_scenario_is_found(copy):
    for parameters in ({}, {"channels": 4}, {"channels": 4, "budget": 3.0}):
        assert store.find(copy.parent, "water-filling", parameters).scenario.parameters.channels == 4
    edited(shutil.copytree(copy, copy.with_name("sac-only")), behaviours=["sac"])
    edited(shutil.copytree(copy, copy.with_name("wide")), scenario={"name": "water-filling", "channels": 9})
    assert store.find(copy.parent, "water-filling", {"channels": 4}).scenario.parameters.channels == 4


def test_what_a_stopped_process_left_behind_is_no_model(copy):
    shutil.copytree(copy, copy.with_name(".copy.part"))
    shutil.copytree(copy, copy.with_name(".copy.old"))
    assert store.find(copy.parent, "water-filling", {}).scenario.parameters.channels == 4


def test_no_model_or_several_are_listed(copy, tmp_path):
    with pytest.raises(ModelError, match="no model for water-filling, channels=5") as caught:
        store.find(copy.parent, "water-filling", {"channels": 5})
    message = str(caught.value)
    assert str(copy) in message
    assert all(part in message for part in ("name=water-filling", "channels=4", "budget=3.0", "gain=1.0"))
    shutil.copytree(copy, copy.with_name("second"))
    with pytest.raises(ModelError, match="2 models") as caught:
        store.find(copy.parent, "water-filling", {})
    assert str(copy) in str(caught.value)
    assert str(copy.with_name("second")) in str(caught.value)
    with pytest.raises(ModelError, match="Models there: none"):
        store.find(tmp_path / "nowhere", "water-filling", {})


@pytest.mark.parametrize("damage", [lambda index: edited(index.parent, behaviours="alk"),
                                    lambda index: edited(index.parent, scenario={"name": "water-fillinh"}),
                                    lambda index: index.write_text("{}"), lambda index: index.unlink()])
def test_an_index_that_hides_its_model_is_named(copy, damage):
    shutil.copytree(copy, copy.with_name("other"))
    edited(copy.with_name("other"), scenario={"name": "power-allocation"})
    manifest.build(copy.with_name("other"))
    damage(copy / "model_index.json")
    with pytest.raises(ModelError) as caught:
        store.find(copy.parent, "water-filling", {})
    assert str(copy / "model_index.json") in str(caught.value)


@pytest.mark.parametrize("content", ["[]", "{", '{"design": null}', '{"design": {"scenario": 5}}', "{}"])
def test_foreign_folders_among_the_models_are_named(copy, content):
    other = copy.with_name("other")
    other.mkdir()
    (other / "model_index.json").write_text(content)
    with pytest.raises(ModelError) as caught:
        store.find(copy.parent, "water-filling", {"channels": 5})
    assert str(other) in str(caught.value)


@pytest.mark.parametrize("part", ["unet", "inverse"])
def test_a_pickle_is_never_read_even_in_an_intact_folder(copy, part, monkeypatch):
    weights = next((copy / part).glob("*.safetensors"))
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    manifest.build(copy)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a pickle was read"))
    with pytest.raises(ModelError, match=f"safetensors.*{part}"):
        store.load(copy)
    with pytest.raises(OSError, match="safetensors"):
        DesignPipeline.from_pretrained(copy)
    with pytest.raises(ParameterError, match="use_safetensors=False"):
        DesignPipeline.from_pretrained(copy, use_safetensors=False)
