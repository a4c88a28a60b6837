"""The tools of `aign mcp`, called by the protocol's own client over standard input and output."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from smoke import POWER, WATER

import aign
from aign.console.routes import OPERATIONS

ROOT = Path(__file__).parents[2]
ASKED = {"network": POWER, "request": {"preset": "aign-two-users", "start": [30, 30], "event": ["total_power<=40"],
                                       "count": 4}}


@pytest.fixture(scope="module")
def folder(smoke, tmp_path_factory):
    folder = tmp_path_factory.mktemp("assistant")
    (folder / "models").symlink_to(smoke.folder / "models")
    return folder


def talk(folder, conversation):
    """Return what a conversation with a server of its own comes to."""
    server = StdioServerParameters(command=sys.executable, args=["-P", "-m", "aign.cli", "mcp"], cwd=folder,
                                   env={**os.environ, "PYTHONPATH": str(ROOT / "pipeline")})

    async def whole():
        async with Client(server) as client:
            return await conversation(client)
    return asyncio.run(whole())


def test_an_assistant_reads_designs_explains_and_suggests(folder, smoke):
    async def conversation(client):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        results = {}

        async def call(name, **arguments):
            results[name] = await client.call_tool(name, arguments)
            assert not results[name].is_error, results[name].content
            return results[name].structured_content
        await call("networks")
        await call("read", network=WATER, text="total power at most 1 W, two options")
        designed = await call("design", **ASKED)
        for name, extra in (("explain", {"rank": 1}), ("suggest", {}), ("ask", {"text": "what binds?"})):
            await call(name, job=designed["job"], **extra)
        await call("impact", **ASKED)
        return tools, {name: result.structured_content for name, result in results.items()}

    tools, said = talk(folder, conversation)
    forms = {each.handler.__name__: each.form for each in OPERATIONS if each.form is not None}
    for name, tool in tools.items():
        assert tool.description
        assert set(tool.input_schema["properties"]) == set(forms[name].model_fields if name in forms else ())
    assert "accept_design" not in tools
    assert [network["name"] for network in said["networks"]["networks"]] == [POWER, WATER]
    assert said["read"]["request"]["where"] == ["total_power<=1"]
    assert said["read"]["request"]["count"] == 2
    rows = aign.design(smoke.folder / "models" / POWER, aign.Request(**ASKED["request"])).rows()
    assert [row["design"] for row in said["design"]["result"]["designs"]] == [row["design"] for row in rows]
    assert said["explain"]["result"]["sentences"]
    assert said["suggest"]["result"]["suggestions"][0]["steps"][-1]["meets_request"]
    assert said["impact"]["broken"] == ["total_power<=40"]
    assert any("total_power<=40" in sentence for sentence in said["ask"]["sentences"])


def test_what_is_refused_says_why(folder):
    asked = [("design", {"network": POWER, "request": {"where": ["totl_power<=1"]}}, "Did you mean 'total_power'"),
             ("design", {"network": POWER, "colour": "blue"}, "colour"), ("design", {"network": "nobody"}, "nobody"),
             ("explain", {"job": "none", "rank": 1}, "no such job"), ("paint", {}, "no tool 'paint'"),
             ("suggest", {"job": "none"}, "no such job")]

    async def conversation(client):
        return [await client.call_tool(name, arguments) for name, arguments, _ in asked]
    for (_, _, why), result in zip(asked, talk(folder, conversation), strict=True):
        assert result.is_error
        assert why in result.content[0].text
