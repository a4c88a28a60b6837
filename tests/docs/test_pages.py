"""Pages as texts: languages of blocks, listed commands, links, sizes, errors and terms that must not drift."""

import inspect
import re

import pytest
from pages import LANGUAGES, NOT_RUN, PAGES, ROOT, blocks, links, plain, text_of, tokens_of

from aign import errors


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_fenced_and_says_its_language(page):
    indented = [token.map[0] + 1 for token in tokens_of(page) if token.type == "code_block"]
    assert indented == [], "fence these lines, so that their commands are run"
    assert {block.language for block in blocks(page)} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES)
def test_every_yaml_block_is_a_file_that_a_reader_can_save(page):
    assert [block.line for block in blocks(page) if block.language == "yaml" and block.file is None] == []


def test_no_command_is_excused_that_no_page_holds():
    commands = {plain(command) for page in PAGES for block in blocks(page) if block.language == "sh"
                for command in block.commands}
    assert NOT_RUN.keys() <= commands


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    dead = [link for link in links(page) if not re.match(r"https?://|#", link)
            and not (ROOT / page).parent.joinpath(link.partition("#")[0]).exists()]
    assert dead == []


def test_every_page_is_reached_from_the_first():
    names = {page.rpartition("/")[2] for page in PAGES if page.startswith("pipeline/docs/")}
    assert names - {"README.md"} <= set(links("pipeline/docs/README.md"))


def test_the_readme_is_short():
    assert (ROOT / "README.md").stat().st_size <= 8192


def test_every_error_is_explained_in_the_words_of_its_docstring():
    page = text_of("pipeline/docs/troubleshooting.md")
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.AignError)]
    assert len(kinds) > 5
    for kind in kinds:
        if kind is not errors.AignError:
            paragraphs = [" ".join(part.split()) for part in inspect.getdoc(kind).split("\n\n")]
            assert f"| `{kind.__name__}` | {' | '.join(paragraphs)} |" in page


def test_the_glossary_is_in_order_and_names_nothing_twice():
    terms = re.findall(r"^\| (?!term |-)([^|]+) \|", text_of("pipeline/docs/glossary.md"), re.MULTILINE)
    assert len(terms) > 50
    assert [term.lower() for term in terms] == sorted({term.lower() for term in terms})
