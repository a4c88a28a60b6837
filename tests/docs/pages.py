"""What the pages of the documentation hold: fenced blocks, shell commands, links; and which commands no test runs."""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "data/README.md", "models/README.md",
         *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "pipeline/docs").glob("*.md"))]
LANGUAGES = {"sh", "python", "yaml", "text", "bibtex"}
FILE = re.compile(r"# ([\w./-]+\.\w+)(, under variants)?")
"""First line of a block that is a file to be saved, or a block to be added to params.yaml."""

REGISTRY = "tests/exchange/test_dvc_registry.py does it with repositories of its own"
HUB = "needs an account; tests/exchange publishes to a hub of its own"
REMOTE = "needs storage elsewhere"
CLUSTER = "tests/engines/test_cluster.py starts a cluster of its own"
STORAGE = "tests/exchange/test_storage.py does it on a server of its own"
OFFLOADING = "takes minutes; tests/scenarios/offloading/test_offloading_chain.py runs the stages at small size"
DELIVERY = "takes minutes; tests/scenarios/video_delivery/test_video_delivery_chain.py runs the stages at small size"
STUDIES = "takes hours; tests/studies runs the studies at small size"
CONSOLE = "serves until it is ended; tests/console starts it and asks it the like"
NOT_RUN = {
    "git clone <this repository> && cd aign": "a checkout is what the tests stand in",
    "make setup": "makes the environment that the tests run in",
    "make pipeline": "takes minutes; dvc runs the same stages at small size here and in tests/test_dvc_runs.py",
    "make test": "is what runs this",
    "pip install 'aign[console]'": "the environment of the tests has it",
    "aign console --models models --port 8765": CONSOLE,
    "pip install 'aign[assistants]'": "the environment of the tests has it",
    "aign mcp --models models": "serves until it is ended; tests/console/test_assistants.py speaks to it",
    'curl -s -H "X-Aign-Token: $AIGN_CONSOLE_TOKEN" -H "Content-Type: application/json" '
    "http://127.0.0.1:8765/api/live -d '{\"network\": \"power-20\", \"seed\": 1, \"request\": {\"where\": "
    "[\"total_power<=300\"], \"count\": 2}}'": CONSOLE,
    "export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...": STORAGE,
    "export AWS_ENDPOINT_URL=https://storage.example.org": STORAGE,
    "aign dataset copy data/trajectories/power-20 s3://bucket/power-20": STORAGE,
    "aign dataset info s3://bucket/power-20": STORAGE,
    "aign dataset verify s3://bucket/power-20 --replay": STORAGE,
    "aign publish dataset data/trajectories/power-20 --to s3://bucket/published": STORAGE,
    "aign publish model models/power-20 --to s3://bucket/model": STORAGE,
    "dvc remote add --default store s3://bucket/aign": STORAGE,
    "dvc remote modify store endpointurl https://storage.example.org": STORAGE,
    "dvc push": STORAGE,
    "dvc pull": STORAGE,
    "python tests/benchmarks/video_table.py FOLDER --published LOGS": "needs real traces, which the project has not",
    "make tables": STUDIES,
    "dvc repro pipeline/studies/dvc.yaml:tables": STUDIES,
    "python pipeline/studies page": "reads all published tables; tests/studies makes the page from them",
    "dvc repro pipeline/dvc.yaml:evaluate@offloading-24": OFFLOADING,
    'aign design offloading --users 24 --where "late_users<=13" --where "server_load<=0.6"': OFFLOADING,
    "dvc repro pipeline/dvc.yaml:evaluate@video-delivery": DELIVERY,
    'aign design video-delivery --where "hit_ratio>=0.8" --where "max_load<=0.8"': DELIVERY,
    'aign ask --on video-delivery "No link loaded above 80 %, and a hit ratio of at least 80 %"': DELIVERY,
    "source .venv/bin/activate": "the environment of the tests is active",
    "dvc exp run -S +variants.power-20.collect.sources.label_guided=10000 -S variants.power-20.train.steps=10000":
        "takes a quarter of an hour",
    "aign publish dataset data/trajectories/power-20 --to hub:OWNER/NAME --dry-run": HUB,
    "aign publish dataset data/trajectories/power-20 --to hub:OWNER/NAME": HUB,
    "hf download OWNER/NAME --repo-type dataset --local-dir published": HUB,
    'dvc add published && git add published.dvc .gitignore && git commit -m "Power datasets" && git tag power-1':
        REGISTRY,
    "dvc get REPOSITORY data/trajectories/power-20 --rev power-1 --out data/trajectories/power-20": REGISTRY,
    "dvc import REPOSITORY published --rev power-1 --out published": REGISTRY,
    "dvc update --rev power-2 published.dvc": REGISTRY,
    "pip install 'aign[cluster]'": CLUSTER,
    "ray start --head --port 6379 --include-dashboard=false": CLUSTER,
    "ray start --address FIRST:6379": CLUSTER,
    "AIGN_ENGINE=ray dvc repro": CLUSTER,
    'pip install "dvc[s3]" && dvc remote add --default store s3://BUCKET/aign': REMOTE,
    'pip install "dvc[ssh]" && dvc remote add --default store ssh://HOST/srv/aign': REMOTE,
    'dvc push && git commit .dvc/config -m "Remote" && git push': REMOTE,
}
"""Commands of the pages that are not run, each with its reason; every other one is."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text and the number of its first line."""

    language: str
    text: str
    line: int

    @property
    def file(self):
        """The file that the block is, and whether it is a part of params.yaml; None where it is no file."""
        match = FILE.fullmatch(self.text.partition("\n")[0])
        return match and (match[1], match[2] is not None)

    @property
    def commands(self):
        """The commands of a shell block, one a line, without comments; continued lines are joined."""
        lines = re.sub(r"\\\n\s*", "", self.text).splitlines()
        return [command for line in lines if (command := re.sub(r"\s+#\s.*|^#.*", "", line).strip())]


def text_of(page):
    """Return the text of a page."""
    return (ROOT / page).read_text()


def tokens_of(page):
    """Return the Markdown tokens of a page."""
    return MarkdownIt("commonmark", {"html": False}).enable("table").parse(text_of(page))


def blocks(page):
    """Return the fenced blocks of a page in order."""
    return [Block(token.info.strip(), token.content, token.map[0] + 2) for token in tokens_of(page)
            if token.type == "fence"]


def plain(command):
    """Return a command with single spaces, as `NOT_RUN` lists it."""
    return " ".join(command.split())


def links(page):
    """Return the targets of the links and pictures of a page."""
    inner = [child for token in tokens_of(page) for child in token.children or []]
    return [child.attrs.get("href") or child.attrs.get("src") for child in inner
            if child.type in ("link_open", "image")]
