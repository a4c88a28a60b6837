"""The API as assistants use it, on a running console: designs, pictures, explanations, files, lost workers."""

import asyncio
import hashlib
import json
import os
import signal
from xml.etree import ElementTree

import httpx2
import pytest
from running import TOKEN, designed, ended
from smoke import POWER, WATER

from aign.console.replies import Catalogue
from aign.diffusion import store


def test_the_catalogue_names_models_and_how_to_train_the_others(client, console, water):
    catalogue = Catalogue.model_validate(client.get("/api/networks").json())
    assert [network.name for network in catalogue.networks] == [POWER, WATER]
    listed = catalogue.networks[1]
    assert [label.name for label in listed.labels] == [label.name for label in water.scenario.labels]
    assert listed.presets == list(water.scenario.presets)
    manifest = console.folder / "models" / WATER / "meta/manifest.json"
    assert listed.digest == hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert catalogue.refused == []
    assert "contract" in [other.name for other in catalogue.others]


def test_a_job_answers_with_what_the_library_answers(client, smoke):
    job = designed(client, seed=4, where=["total_power<=1"], preset="ladder", count=3)
    assert job["state"] == "done"
    assert job["asked"]["request"]["where"] == ["total_power<=1"]
    import aign

    request = aign.Request(where=["total_power<=1"], preset="ladder", count=3)
    rows = aign.design(smoke.folder / "models" / WATER, request, seed=4).rows()
    for row in rows:
        row.pop("path", None)
    assert job["result"]["designs"] == json.loads(json.dumps(rows))
    assert job["result"]["feasible"]
    assert job["result"]["bounds"] == [{"label": "total_power", "upper": True, "threshold": 1.0}]


def test_live_designs_are_those_of_the_job(client):
    form = {"network": WATER, "seed": 4, "request": {"where": ["total_power<=1"], "count": 3}}
    live = client.post("/api/live", json=form).json()
    rows = designed(client, seed=4, where=["total_power<=1"], count=3)["result"]["designs"]
    assert live["designs"] == [{name: row[name] for name in live["designs"][0]} for row in rows]


@pytest.mark.parametrize(("request_", "said"), [
    ({"where": ["totl_power<=1"]}, "Did you mean 'total_power'"), ({"where": ["nonsense"]}, "cannot be read"),
    ({"preset": "nowhere"}, "Unknown preset"), ({"context": [1, 2]}, "needs 4"),
    ({"where": ["total_power<=1", "total_power>=2"]}, "contradict")])
def test_what_cannot_be_asked_is_refused_in_the_words_of_the_library(client, request_, said):
    reply = client.post("/api/live", json={"network": WATER, "request": request_})
    assert reply.status_code == 422
    assert said in reply.json()["error"] or "values" in reply.json()["error"]
    job = designed(client, **request_)
    assert (job["state"], job["error"]) == ("failed", reply.json()["error"])


def test_an_unknown_model_and_paths_instead_of_names_are_refused(client):
    assert "Unknown model" in client.post("/api/live", json={"network": "water-5"}).json()["error"]
    for name in ("../models/water-4", "models/water-4", "/etc", ""):
        assert client.post("/api/live", json={"network": name}).status_code == 422


def test_a_sentence_becomes_a_request_is_changed_and_confirmed(client):
    form = {"network": POWER, "seed": 3, "request": {"preset": "aign-two-users"}}
    text = "total power at most 40, 5 designs"
    reading = client.post("/api/read", json={**form, "text": text}).json()
    assert reading["questions"] == []
    assert (reading["request"]["where"], reading["request"]["count"]) == (["total_power<=40"], 5)
    assert (reading["request"]["preset"], reading["seed"]) == ("aign-two-users", 3)  # of the form, unless said
    assert [text[span["start"]:span["end"]] for span in reading["said"]] == [span["text"] for span in reading["said"]]

    asked = {"network": POWER, "seed": reading["seed"], "request": reading["request"]}
    confirmed = client.post("/api/confirm", json=asked).json()
    assert "total power at most 40" in confirmed["sentence"]
    assert confirmed["command"] == ("aign design power-allocation --set users=2 --preset aign-two-users --seed 3 "
                                    "--count 5 --where 'total_power<=40'")
    assert client.post("/api/read", json={**form, "text": confirmed["sentence"]}).json()["request"] == asked["request"]

    refined = client.post("/api/refine", json={**asked, "text": "total power at most 30"}).json()
    assert refined["request"] == {**asked["request"], "where": ["total_power<=30"]}
    assert designed(client, POWER, **{name: value for name, value in refined["request"].items() if value})["state"] == \
        "done"


def test_what_is_not_understood_is_asked_and_each_choice_is_a_sentence_that_is_read(client):
    form = {"network": POWER, "text": "power at most 30"}
    reading = client.post("/api/read", json=form).json()
    assert reading["request"] is None
    question = reading["questions"][0]
    assert len(question["choices"]) >= 2
    for choice in question["choices"]:
        again = client.post("/api/read", json={**form, "text": choice["sentence"]}).json()
        for _ in reading["questions"]:  # the other ones have choices, too
            if not again["questions"]:
                break
            sentence = again["questions"][0]["choices"][0]["sentence"]
            again = client.post("/api/read", json={**form, "text": sentence}).json()
        assert len(again["request"]["where"]) == 1


def test_files_that_a_sentence_names_are_read_from_the_folder_of_the_console_alone(client, console):
    (console.folder / "mine.json").write_text("[0.3, 0.5, 0.7, 0.9]")
    form = {"network": WATER, "text": 'total power at most 1 with the context "mine.json"'}
    context = client.post("/api/read", json=form).json()["request"]["context"]
    assert context == pytest.approx([0.3, 0.5, 0.7, 0.9])
    confirmed = client.post("/api/confirm", json={"network": WATER, "request": {"context": context}}).json()
    assert confirmed["note"].startswith("context.json")
    for name in ("/etc/passwd", "../mine.json", "models/../../mine.json"):
        reply = client.post("/api/read", json={**form, "text": form["text"].replace("mine.json", name)})
        assert reply.status_code == 422
        assert "outside of" in reply.json()["error"] or "lies outside" in reply.json()["error"]


def test_questions_about_an_answer(client):
    job = designed(client, POWER, preset="aign-two-users", where=["total_power<=40"], count=2)["job"]
    reply = client.post("/api/ask", json={"job": job, "text": "what binds?"}).json()
    assert reply["understood"]
    assert any("total_power<=40" in sentence for sentence in reply["sentences"])
    assert not client.post("/api/ask", json={"job": job, "text": "who are you?"}).json()["understood"]
    assert client.post("/api/ask", json={"job": "none", "text": "why?"}).status_code == 404


def test_each_design_is_returned_once_and_how_good_it_is_is_explained(client):
    job = designed(client, POWER, preset="aign-two-users", count=12)
    designs = [tuple(row["design"]) for row in job["result"]["designs"]]
    assert len(set(designs)) == len(designs) < 12
    assert job["result"]["headline"].startswith(f"{len(designs)} ")
    assert "12" in job["result"]["headline"]
    live = client.post("/api/live", json={"network": POWER, "request": {"preset": "aign-two-users", "count": 12}})
    assert [row["rank"] for row in live.json()["designs"]] == [row["rank"] for row in job["result"]["designs"]]
    for rank in (1, len(designs)):
        asked = client.post("/api/explain", json={"job": job["job"], "rank": rank}).json()["job"]
        sentences = ended(client, asked)["result"]["sentences"]
        gap = job["result"]["designs"][rank - 1]["gap"]
        assert gap > 1e-3
        assert sentences[0] == f"No design can be better by more than {gap:.2%}: that is proven."
        assert "no constraints" in sentences[1]


def test_what_is_impossible_comes_with_relaxations_that_help(client):
    result = designed(client, POWER, preset="aign-two-users", where=["min_rate>=500"], count=2)["result"]
    assert not result["feasible"]
    [relaxation] = result["relaxations"]
    relaxed = designed(client, POWER, preset="aign-two-users", where=relaxation["where"], count=2)
    assert relaxed["result"]["feasible"]


def test_several_objectives_mark_a_front_and_a_start_is_answered_by_changes(client):
    job = designed(client, POWER, preset="aign-two-users", objective=["utility", "min total_power"], count=6)
    assert job["result"]["front"]["ranks"]
    assert client.get(f"/api/jobs/{job['job']}/picture").headers["content-type"] == "image/svg+xml"
    changed = designed(client, POWER, preset="aign-two-users", start=[30, 30], where=["total_power<=40"], count=4)
    steps = changed["result"]["changes"]["steps"]
    assert steps
    assert steps[-1]["meets_request"]
    suggested = ended(client, client.post("/api/suggest", json={"job": changed["job"]}).json()["job"])["result"]
    assert suggested["suggestions"]
    assert all(suggestion["steps"][-1]["meets_request"] for suggestion in suggested["suggestions"])
    assert all("mends the request" in sentence for sentence in suggested["sentences"])


def test_without_a_deployed_design_there_is_nothing_to_suggest(client):
    job = designed(client, POWER, preset="aign-two-users", count=2)
    refused = ended(client, client.post("/api/suggest", json={"job": job["job"]}).json()["job"])
    assert refused["state"] == "failed"
    assert "give it as the start" in refused["error"]
    assert client.post("/api/suggest", json={"job": "unknown"}).status_code == 404


def test_every_design_has_a_picture_and_an_explanation(client):
    job = designed(client, where=["total_power<=1"], count=2)
    pictures = [client.get(f"/api/jobs/{job['job']}/designs/{rank}/picture") for rank in (1, 2)]
    again = client.get(f"/api/jobs/{job['job']}/designs/1/picture")
    for picture in pictures:
        assert ElementTree.fromstring(picture.content).tag.endswith("svg")
        assert b"<script" not in picture.content
    assert pictures[0].content == again.content != pictures[1].content
    for rank in (0, 3, "x", "1e1"):
        assert client.get(f"/api/jobs/{job['job']}/designs/{rank}/picture").status_code == 404

    why = ended(client, client.post("/api/explain", json={"job": job["job"], "rank": 2}).json()["job"])
    assert any("total_power<=1" in sentence for sentence in why["result"]["sentences"])
    assert ElementTree.fromstring(client.get(f"/api/jobs/{why['job']}/picture").content).tag.endswith("svg")
    assert client.post("/api/explain", json={"job": job["job"], "rank": 3}).status_code == 404
    assert client.post("/api/accept", json={"job": why["job"], "rank": 1}).status_code == 404


def test_accepting_writes_all_that_the_design_rests_on_and_the_same_request_the_same_file(client, console):
    files = []
    for _ in range(2):
        job = designed(client, seed=7, where=["total_power<=1"], count=3)
        accepted = client.post("/api/accept", json={"job": job["job"], "rank": 2}).json()
        files.append(console.folder / accepted["file"])
        content = files[-1].read_bytes()
        assert hashlib.sha256(content).hexdigest() == accepted["sha256"]
        assert accepted["sha256"].startswith(files[-1].stem.removeprefix("water-4-"))
    assert files[0] == files[1]
    kept = json.loads(content)
    assert kept["design"] == job["result"]["designs"][1]
    assert kept["request"]["where"] == ["total_power<=1"]
    assert (kept["seed"], kept["certificate"]) == (7, job["result"]["certificate"])
    assert kept["model_sha256"] == store_digest(console)
    assert [path.name for path in files[0].parent.iterdir()] == [files[0].name]


def store_digest(console):
    assert store.load(console.folder / "models" / WATER)
    return hashlib.sha256((console.folder / "models" / WATER / "meta/manifest.json").read_bytes()).hexdigest()


def test_the_api_describes_itself(client):
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    operations = {each["operationId"]: each for path in described["paths"].values() for each in path.values()}
    assert {"networks", "read", "refine", "confirm", "ask", "design", "live", "explain",
            "accept_design"} <= operations.keys()
    schemas = described["components"]["schemas"]
    for operation in operations.values():
        assert operation["summary"]
        assert set(references(operation)) <= {f"#/components/schemas/{name}" for name in schemas}
    assert set(references(schemas)) <= {f"#/components/schemas/{name}" for name in schemas}
    assert schemas["DesignForm"]["additionalProperties"] is False


def references(value):
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        value = list(value.values())
    for inner in value if isinstance(value, list) else []:
        yield from references(inner)


def test_cancelling_what_runs_and_a_killed_worker_cost_nothing_but_that_job(client, console):
    form = {"network": WATER, "request": {"count": 2}}
    first = console.stop_worker()
    job = client.post("/api/design", json=form).json()["job"]
    assert client.delete(f"/api/jobs/{job}").json()["state"] == "cancelled"
    assert designed(client, count=2)["state"] == "done"

    second = console.stop_worker()
    job = client.post("/api/design", json=form).json()["job"]
    while client.get(f"/api/jobs/{job}").json()["state"] == "waiting":
        pass
    os.kill(second, signal.SIGKILL)
    assert ended(client, job)["state"] in ("failed", "done")  # done: it was killed before it had taken the job
    assert designed(client, count=2)["state"] == "done"
    assert len({first, second, console.worker()}) == 3


def test_what_is_asked_in_passing_never_displaces_an_answer(client):
    job = designed(client, count=1)["job"]
    for _ in range(250):
        assert client.post("/api/confirm", json={"network": WATER}).status_code == 200
    assert client.get(f"/api/jobs/{job}").json()["state"] == "done"


def test_two_hundred_at_once_are_all_answered_and_memory_stays_bounded(client, console):
    before = console.memory()
    form = {"network": WATER, "request": {"count": 1}}

    async def ask():
        async with httpx2.AsyncClient(base_url=console.url, headers={"X-Aign-Token": TOKEN}, timeout=120,
                                     limits=httpx2.Limits(max_connections=200)) as many:
            return await asyncio.gather(*(many.post("/api/design", json={**form, "seed": seed}) for seed in range(200)))

    replies = asyncio.run(ask())
    assert {reply.status_code for reply in replies} == {202, 503}
    taken = [reply.json()["job"] for reply in replies if reply.status_code == 202]
    assert len(taken) >= 100
    for reply in replies:
        assert reply.status_code == 202 or (reply.headers["retry-after"] and "are waiting" in reply.json()["error"])
    assert {ended(client, job)["state"] for job in taken} == {"done"}
    assert console.memory() - before < 50e6
