"""Own networks: the same network in every format, and files that are refused with one clear error."""

import json

import numpy as np
import pytest

from aign.errors import ParameterError
from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning.own_networks import great_circle, read_network

NATIVE = """?SNDlib native format; type: network; version: 1.0
# a comment
NODES (
  A ( 10.00 50.00 )
  B ( 11.00 50.00 )
  C ( 10.50 51.00 )
)
LINKS (
  L1 ( A B ) 0.00 0.00 0.00 0.00 ( 40.00 1.00 )
  L2 ( B C ) 0.00 0.00 0.00 0.00 ( 40.00 1.00 )
  L3 ( A C ) 0.00 0.00 0.00 0.00 ( 40.00 1.00 )
)
DEMANDS (
  D1 ( A B ) 1 5.00 UNLIMITED
  D2 ( C A ) 1 7.50 UNLIMITED
)
"""
XML = """<?xml version="1.0"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0"><networkStructure>
<nodes coordinatesType="geographical">
<node id="A"><coordinates><x>10.0</x><y>50.0</y></coordinates></node>
<node id="B"><coordinates><x>11.0</x><y>50.0</y></coordinates></node>
<node id="C"><coordinates><x>10.5</x><y>51.0</y></coordinates></node></nodes>
<links><link id="1"><source>A</source><target>B</target></link><link id="2"><source>B</source><target>C</target></link>
<link id="3"><source>A</source><target>C</target></link></links></networkStructure>
<demands><demand id="d1"><source>A</source><target>B</target><demandValue>5</demandValue></demand>
<demand id="d2"><source>C</source><target>A</target><demandValue>7.5</demandValue></demand></demands></network>
"""
STORED = {"nodes": [{"id": 0, "name": "A", "pos": [10, 50]}, {"id": 1, "name": "B", "pos": [11, 50]},
                    {"id": 2, "name": "C", "pos": [10.5, 51]}],
          "edges": [{"source": 0, "target": 1}, {"source": 1, "target": 2}, {"source": 0, "target": 2}],
          "graph": {"demands": {"0": {"1": 5}, "2": {"0": 7.5}}}}
GRAPHML = """<?xml version="1.0" encoding="utf-8"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key attr.name="Latitude" attr.type="double" for="node" id="d1"/>
<key attr.name="Longitude" attr.type="double" for="node" id="d2"/>
<key attr.name="label" attr.type="string" for="node" id="d3"/>
<graph edgedefault="undirected">
<node id="0"><data key="d1">50</data><data key="d2">10</data><data key="d3">A</data></node>
<node id="1"><data key="d1">50</data><data key="d2">11</data><data key="d3">B</data></node>
<node id="2"><data key="d1">51</data><data key="d2">10.5</data><data key="d3">C</data></node>
<edge source="0" target="1"/><edge source="1" target="2"/><edge source="0" target="2"/></graph></graphml>
"""
MATRIX = ",A,B,C\nA,0,5,0\nB,0,0,0\nC,7.5,0,0\n"
LIST = "source,target,demand\nA,B,5\nC,A,7.5\n"
FILES = {"net.txt": NATIVE, "net.xml": XML, "net.json": json.dumps(STORED), "net.graphml": GRAPHML}


def written(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("traffic", [MATRIX, LIST])
def test_every_format_gives_the_same_network(tmp_path, name, traffic):
    network = read_network(written(tmp_path, name, FILES[name]), written(tmp_path, "traffic.csv", traffic))
    assert network.name == "net"
    assert network.nodes == ("A", "B", "C")
    assert sorted(network.ends.tolist()) == [[0, 1], [0, 2], [1, 2]]
    assert network.pairs.tolist() == [[0, 1], [0, 2]]
    assert network.demand.tolist() == [5.0, 7.5]
    assert network.position.tolist() == [[10, 50], [11, 50], [10.5, 51]]
    assert network.length[0] == round(100 * great_circle((10, 50), (11, 50)))


@pytest.mark.parametrize("name", ["net.txt", "net.xml", "net.json"])
def test_traffic_in_the_network_s_own_file_is_read(tmp_path, name):
    assert read_network(written(tmp_path, name, FILES[name])).demand.tolist() == [5.0, 7.5]


def test_a_network_of_topohub_comes_back_as_it_is(tmp_path):
    import topohub
    path = written(tmp_path, "polska.json", json.dumps(topohub.get("sndlib/polska")))
    ours, theirs = read_network(path), load("polska")
    for name in ("position", "ends", "length", "pairs", "demand"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name


def test_great_circles_are_those_of_a_sphere():
    assert great_circle((0, 0), (90, 0)) == pytest.approx(np.pi / 2 * 6371)
    assert great_circle((13.4, 52.5), (2.35, 48.86)) == pytest.approx(878, abs=3)  # Berlin, Paris


BAD = [
    ("net.gml", NATIVE, None, r"net.gml: no format .* \.txt, \.xml, \.json, \.graphml"),
    ("net.txt", NATIVE.replace("NODES", "NODE"), None, "no section NODES"),
    ("net.txt", NATIVE.replace("B ( 11", "A ( 11"), None, "two nodes are called 'A'"),
    ("net.txt", NATIVE.replace("50.00 )\n  B", "950.00 )\n  B"), None, "node 'A' lies at 10, 950"),
    ("net.txt", NATIVE.replace("L2 ( B C )", "L2 ( B X )"), None, "link B-X names the node 'X'"),
    ("net.txt", NATIVE.replace("L2 ( B C )", "L2 ( B B )"), None, "link B-B joins a node with itself"),
    ("net.txt", NATIVE.replace("L2 ( B C )", "L2 ( B A )"), None, "two links join B and A"),
    ("net.txt", NATIVE.replace("  L2 ( B C )", "# L2 ( B C )").replace("  L3", "#"), None, "falls into 2 parts"),
    ("net.txt", NATIVE.replace(" 5.00 ", " -5.00 "), None, "demand A-B is -5"),
    ("net.txt", NATIVE.replace(" 5.00 ", " nan "), None, "demand A-B: given 'nan'"),
    ("net.txt", NATIVE.replace(" 5.00 ", " 0 ").replace("7.50", "0"), None, "no traffic above 0"),
    ("net.xml", XML[:200], None, "no XML"),
    ("net.xml", "<!DOCTYPE x>" + XML, None, "declares a document type"),
    ("net.json", '{"nodes": []}', None, "no node-link JSON"),
    ("net.json", json.dumps({**STORED, "edges": [{"source": 0, "target": 1, "dist": -3}]}), None, "length -3 km"),
    ("net.graphml", GRAPHML.replace('<data key="d1">50</data><data key="d2">10</data>', ""), None,
     "node 'A' has no coordinates"),
    ("net.txt", NATIVE, "", "it is empty"),
    ("net.txt", NATIVE, ",A,B\nA,0,5\nB,0,0\n", "the matrix lacks C"),
    ("net.txt", NATIVE, ",A,B,C\nB,0,5,0\nA,0,0,0\nC,7,0,0\n", "rows and columns name different nodes"),
    ("net.txt", NATIVE, ",A,B,C\nA,0,5\nB,0,0,0\nC,7,0,0\n", "row 2 has 3 columns, the first 4"),
    ("net.txt", NATIVE, "source,target,demand\nA,B,5\nA,B,6\n", "demand A-B is given twice"),
    ("net.txt", NATIVE, 'source,target,demand\nA,B,"5,3"\n', "given '5,3'"),
]


@pytest.mark.parametrize(("name", "text", "traffic", "said"), BAD)
def test_a_bad_file_is_one_clear_error(tmp_path, name, text, traffic, said):
    demands = None if traffic is None else written(tmp_path, "traffic.csv", traffic)
    with pytest.raises(ParameterError, match=said) as error:
        read_network(written(tmp_path, name, text), demands)
    assert str(tmp_path) in str(error.value)


def test_missing_large_and_binary_files_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="no such file"):
        read_network(tmp_path / "net.txt")
    (tmp_path / "net.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ParameterError, match="no UTF-8 text"):
        read_network(tmp_path / "net.txt")
