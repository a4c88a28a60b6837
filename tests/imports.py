"""What a module of the package imports, directly and through others, read from the sources without running them."""

import ast
from functools import cache
from pathlib import Path

CODE = Path(__file__).parents[1] / "pipeline"
PACKAGES = ("aign", "studies")


def module_file(name):
    """Return the file of a module or package; None for an attribute, or code of others."""
    path = CODE / name.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@cache
def imported(text, package):
    """Return every name that a source imports, at its top or within a function; `package` is what a dot stands for."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[:len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            names |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    return names


def closure(names, beyond=()):
    """Return the modules of the package that the named ones load; what those in `beyond` import is left out."""
    waiting, loaded = list(names), {}
    while waiting:
        name = waiting.pop()
        file = module_file(name) if name.split(".")[0] in PACKAGES else None
        if file is None or name in loaded:
            continue
        loaded[name] = file
        waiting.append(name.rpartition(".")[0])
        if name not in beyond:
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            waiting += imported(file.read_text(), package)
    return loaded


@cache
def is_empty(file):
    """Return whether a source holds nothing but a docstring."""
    return all(isinstance(node, ast.Expr) for node in ast.parse(file.read_text()).body)


def modules_of(place):
    """Return the modules in a folder, or the module (without .py), of the package, given relative to it."""
    root = CODE / "aign" / place
    files = root.rglob("*.py") if root.is_dir() else [root.with_suffix(".py")]
    return {".".join(file.relative_to(CODE).with_suffix("").parts).removesuffix(".__init__") for file in files}
