"""What reviewers would otherwise have to look for by eye."""

from __future__ import annotations

import ast
import logging
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from importlinter import cli as import_linter

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
CATEGORIES = {"unit", "property", "integration", "lab"}
PRODUCT = ("domain", "pacing", "campaigns", "agents", "recordings", "kpi", "dialer", "ami", "ari", "sql", "web", "lab")
LONGEST_FILE = {".py": 400, ".sql": 500}
TRANSLATORS = {"_", "ngettext"}
#: Errors that end in the log, where texts are English: the recordings' pipeline catches them and names the reason.
NEVER_SHOWN = {"recordings/audio.py", "recordings/files.py"}
TEXT = {
    ".py",
    ".sql",
    ".md",
    ".toml",
    ".cfg",
    ".conf",
    ".template",
    ".yaml",
    ".yml",
    ".sh",
    ".po",
    ".pot",
    ".html",
    ".js",
}

#: Paths of one developer's machine, and leftovers that belong into an issue, not into the tree.
_MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home/(?!dialer\b)\w+|Users/\w+|var/tmp/\w+)/\w")
_LEFTOVER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def files(*folders: str, suffixes: Iterable[str]) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes and "__pycache__" not in path.parts
    )


def tree() -> list[Path]:
    """Every text file that is, or is about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:  # an unpacked release: everything there is
        return files(*PRODUCT, "tests", "docs", suffixes=TEXT)
    names = [ROOT / name for name in listed.stdout.splitlines()]
    return [path for path in names if path.suffix in TEXT and path.is_file()]


def marks_of(module: ast.Module) -> list[str]:
    """The categories that `pytestmark = pytest.mark.<category>` gives to a test module."""
    given = []
    for node in module.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets):
            given += [
                part.attr for part in ast.walk(node.value) if isinstance(part, ast.Attribute) and part.attr != "mark"
            ]
    return given


def test_every_test_module_names_exactly_one_category() -> None:
    modules = [path for path in files("tests", suffixes={".py"}) if path.name.startswith("test_")]
    assert modules
    wrong = {}
    for path in modules:
        given = [mark for mark in marks_of(ast.parse(path.read_text())) if mark in CATEGORIES]
        if len(given) != 1:
            wrong[str(path.relative_to(ROOT))] = given
    assert wrong == {}


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    forbidden = re.compile(r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b")
    found = [
        str(path.relative_to(ROOT))
        for path in files("tests", suffixes={".py"})
        if path != Path(__file__).resolve() and forbidden.search(path.read_text())
    ]
    assert found == []


def test_no_file_of_the_product_is_too_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in files(*PRODUCT, suffixes=LONGEST_FILE)
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE[path.suffix]
    }
    assert long == {}


def test_every_query_has_a_name_and_a_purpose() -> None:
    queries = files("sql/queries", suffixes={".sql"})
    assert queries
    for path in queries:
        lines = path.read_text().splitlines()
        names = [line.removeprefix("-- name: ") for line in lines if line.startswith("-- name:")]
        assert names, f"{path.name} holds no named query"
        assert len(names) == len(set(names)), f"{path.name} names a query twice"
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names), path.name
        for number, line in enumerate(lines):
            if line.startswith("-- name:"):
                assert re.fullmatch(r"-- \S.*", lines[number + 1]), f"{path.name}:{number + 2} lacks the purpose"
        preamble = lines[: lines.index(f"-- name: {names[0]}")]
        assert all(line.startswith("--") or not line.strip() for line in preamble), f"{path.name}: SQL without a name"


def test_sql_stands_in_sql_files_only() -> None:
    statement = re.compile(r"\s*(?:SELECT\b.+\bFROM|INSERT\s+INTO|UPDATE\b.+\bSET|DELETE\s+FROM)\b", re.DOTALL)
    found = []
    engine = [folder for folder in PRODUCT if folder != "lab"]  # the lab makes and drops whole databases
    for path in files(*engine, suffixes={".py"}):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.match(node.value):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def test_nothing_prints() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files(*PRODUCT, suffixes={".py"})
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert found == []


def called(node: ast.AST) -> str:
    """The name of what a call calls, without its module; empty for anything else."""
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def error_names(modules: Iterable[ast.Module]) -> set[str]:
    """DialerError and every class below it, by name."""
    classes = [node for module in modules for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    names = {"DialerError"}
    while (
        found := {
            one.name for one in classes if any(isinstance(base, ast.Name) and base.id in names for base in one.bases)
        }
        - names
    ):
        names |= found
    return names


def words(node: ast.AST) -> Iterator[str]:
    """The literal words that an expression adds to a text without translating them; what fills a text is no words."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search("[A-Za-z]", node.value):
        yield node.value
    elif isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add):
        return  # a path of a file, for example
    elif isinstance(node, ast.JoinedStr | ast.BinOp | ast.IfExp):
        for child in ast.iter_child_nodes(node):
            yield from words(child)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        yield from words(node.func.value)


def untranslated(module: ast.Module, errors: set[str]) -> Iterator[tuple[int, str]]:
    """Line and words of every error made of a text of its own, or of a variable that was given one."""
    for scope in ast.walk(module):
        if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        texts: dict[str, list[ast.expr]] = {}
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                texts.setdefault(node.targets[0].id, []).append(node.value)
        for node in ast.walk(scope):
            if isinstance(node, ast.Call) and called(node) in errors and node.args:
                message = node.args[0]
                named = [one.id for one in ast.walk(message) if isinstance(one, ast.Name)]
                parts = [message, *(value for name in named for value in texts.get(name, ()))]
                yield from ((node.lineno, text) for part in parts for text in words(part))


def product_modules() -> dict[str, ast.Module]:
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in files(*PRODUCT, suffixes={".py"})}


def test_errors_are_said_in_the_readers_language() -> None:
    modules = product_modules()
    errors = error_names(modules.values())
    assert {"BadInput", "Clash", "BadAudio"} <= errors
    found = {
        name: list(texts)
        for name, module in modules.items()
        if (texts := dict.fromkeys(untranslated(module, errors))) and name not in NEVER_SHOWN
    }
    assert found == {}
    assert all(any(untranslated(modules[name], errors)) for name in NEVER_SHOWN), "translated by now: take it off"


@pytest.mark.parametrize(
    "code",
    [
        "raise BadInput('no such file')",
        "raise BadInput(f'{path} is no file')",
        "raise errors.BadInput('no such ' + kind) from None",
        "raise BadInput('no {kind}'.format(kind=kind))",
        "text = f'no {kind}'\n    raise BadInput(text + tail)",
        "return BadInput(_('This: ') + 'and that')",
    ],
)
def test_an_english_error_would_be_found(code: str) -> None:
    assert list(untranslated(ast.parse(f"def f():\n    {code}"), {"BadInput"}))


@pytest.mark.parametrize(
    "code",
    [
        "raise BadInput(_('no such {kind}').format(kind=kind))",
        "raise BadInput(ngettext('{n} row', '{n} rows', n).format(n=n))",
        "text = _('no {kind}')\n    raise BadInput(f'{text} {tail}')",
        "raise BadInput(str(error))",
        "raise ValueError('a programmer sees it')",
    ],
)
def test_a_translated_error_is_left_alone(code: str) -> None:
    assert not list(untranslated(ast.parse(f"def f():\n    {code}"), {"BadInput"}))


def test_only_whole_texts_are_translated() -> None:
    """A text that was filled in before it is looked up is found in no catalogue, nor is one out of a variable."""
    found = [
        f"{name}:{node.lineno}"
        for name, module in product_modules().items()
        if name != "domain/i18n.py"
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and called(node) in TRANSLATORS
        for argument in node.args[: 2 if called(node) == "ngettext" else 1]
        if isinstance(argument, ast.JoinedStr | ast.BinOp) or called(argument) == "format"
    ]
    assert found == []


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    found = [str(path.relative_to(ROOT)) for path in files(*PRODUCT, suffixes={".py"}) if path.stem in drawers]
    assert found == []


def test_no_machine_path_and_no_leftover_note_is_in_the_tree() -> None:
    found = []
    for path in tree():
        if path == Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
            if _MACHINE_PATH.search(line) or _LEFTOVER.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []


@pytest.fixture
def loggers_stay() -> Iterator[None]:
    """The linter sets up logging for a process of its own and switches off every logger that exists."""
    existing = [log for log in logging.Logger.manager.loggerDict.values() if isinstance(log, logging.Logger)]
    were = {log: log.disabled for log in existing}
    yield
    for log, disabled in were.items():
        log.disabled = disabled


@pytest.mark.usefixtures("loggers_stay")
def test_imports_follow_the_arrows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    kept = import_linter.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert kept == import_linter.EXIT_STATUS_SUCCESS, capsys.readouterr().out
