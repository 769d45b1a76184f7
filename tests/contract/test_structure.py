"""The structure that the next agents rely on: no circles, small folders, files and functions."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.structure import (
    PACKAGES,
    Module,
    by_path,
    circles,
    folder_imports,
    module_imports,
    modules_by_folder,
    read_modules,
)

SOURCE = read_modules(PACKAGES)
TESTS = read_modules(["tests"])
EVERYTHING = [*SOURCE, *TESTS]

HERE = "tests/contract/test_structure.py"
BROKER_TESTS = ("tests/e2e/", "tests/integration/", "tests/kafka/")
MAX_FOLDER_MODULES = 15
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
# Ceilings may only fall; one more since llama.cpp runs in a process of its own (S603)
MAX_EXCUSES = 103
MAX_EXCUSES_IN_TESTS = 8
BROAD_EXCEPTS = {
    "stream_app/cli/root.py": 1,
    "stream_app/runtime/inference/runs.py": 1,
    "stream_app/runtime/process_end.py": 1,
    "tests/kafka/cluster.py": 1,
}


def beyond(sizes: Mapping[str, int], limit: int) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if size > limit}


@pytest.mark.parametrize("modules", [SOURCE, TESTS], ids=["source", "tests"])
def test_no_module_imports_itself_by_way_of_others(modules: list[Module]) -> None:
    assert circles(module_imports(modules)) == []


@pytest.mark.parametrize("modules", [SOURCE, TESTS], ids=["source", "tests"])
def test_no_folder_imports_itself_by_way_of_others(modules: list[Module]) -> None:
    """What two folders share lies below both."""
    assert circles(folder_imports(modules)) == []


def test_a_folder_holds_what_one_reader_needs_together() -> None:
    assert beyond(modules_by_folder(EVERYTHING), MAX_FOLDER_MODULES) == {}


def test_files_and_functions_are_short() -> None:
    files = {module.path: module.lines for module in EVERYTHING}
    functions = {each.name: each.lines for module in EVERYTHING for each in module.functions}

    assert beyond(files, MAX_FILE_LINES) == {}
    assert beyond(functions, MAX_FUNCTION_LINES) == {}


def test_linters_are_silenced_no_more_often_than_before() -> None:
    assert sum(module.excuses for module in SOURCE) <= MAX_EXCUSES
    assert sum(module.excuses for module in TESTS) <= MAX_EXCUSES_IN_TESTS


def test_every_exception_is_caught_only_where_it_is_known_to_be() -> None:
    found = by_path(EVERYTHING, lambda module: module.broad_excepts)

    assert {k: n for k, n in found.items() if n > BROAD_EXCEPTS.get(k, 0)} == {}


def test_a_module_says_what_it_is() -> None:
    """Not what it returns, which only a function can."""
    assert [each.path for each in EVERYTHING if each.docstring.startswith("Return")] == []


def test_tests_wait_for_conditions() -> None:
    """The module of waits alone sleeps, also to simulate a model that takes its time."""
    found = {module.path: module.sleeps for module in TESTS if module.sleeps}

    assert list(found) == ["tests/support/waiting.py"]


def test_tests_that_start_brokers_are_where_make_looks_for_them() -> None:
    marked = [m.path for m in TESTS if "pytest.mark.e2e" in m.text and m.path != HERE]

    assert marked
    assert [path for path in marked if not path.startswith(BROKER_TESTS)] == []


def test_property_tests_share_nothing_with_unit_tests_but_what_is_in_support() -> None:
    found = {
        module.path: [name for name in module.imports() if name.startswith("tests.unit")]
        for module in TESTS
        if module.path.startswith("tests/property/")
    }

    assert {path: names for path, names in found.items() if names} == {}


def written(folder: Path, files: Mapping[str, str]) -> list[Module]:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return read_modules(["top"], folder)


def test_a_circle_by_way_of_a_lazy_import_is_found(tmp_path: Path) -> None:
    """Also one that runs over three modules, and not what merely hangs on it."""
    modules = written(
        tmp_path,
        {
            "top/a.py": "from top.b import x\n",
            "top/b.py": "def f():\n    import top.c\n",
            "top/c.py": "from top import a\n",
            "top/d.py": "import top.a\n",
        },
    )

    assert circles(module_imports(modules)) == [["top.a", "top.b", "top.c"]]
    assert circles(folder_imports(modules)) == []


def test_a_circle_of_folders_needs_no_circle_of_modules(tmp_path: Path) -> None:
    modules = written(
        tmp_path,
        {
            "top/left/one.py": "from top.right.one import x\n",
            "top/right/one.py": "x = 1\n",
            "top/right/two.py": "from top.left.two import y\n",
            "top/left/two.py": "y = 1\n",
        },
    )

    assert circles(module_imports(modules)) == []
    assert circles(folder_imports(modules)) == [["top.left", "top.right"]]


def test_excuses_broad_excepts_and_long_functions_are_counted(tmp_path: Path) -> None:
    (module,) = written(
        tmp_path,
        {
            "top/a.py": "def f():\n    try:\n        pass\n    except (OSError, Exception):\n"
            "        pass\n    except:  # noqa: E722\n        time.sleep(1)\n",
        },
    )

    assert (module.excuses, module.broad_excepts) == (1, 2)
    assert [(each.name, each.lines) for each in module.functions] == [("top/a.py:f", 7)]
    assert module.sleeps == ["f"]
