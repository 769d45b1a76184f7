"""The shape of the source tree: imports, lengths of files and functions, silenced linters.

As a program it prints the figures of a checkout: `python -m tests.support.structure [FOLDER]`.
"""

import ast
import io
import re
import statistics
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "models", "training", "stream_app", "benchmarks")
NOQA = re.compile(r"#\s*noqa\b")
SLEEPS = frozenset({"sleep", "time.sleep", "asyncio.sleep"})
BROAD = frozenset({"Exception", "BaseException"})

Graph = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Function:
    """A function or method, with the lines from its ``def`` to its end."""

    name: str
    lines: int


@dataclass(frozen=True)
class Module:
    """A source file.

    Attributes:
        path: Relative to the checkout, with slashes.
    """

    path: str
    text: str

    @property
    def name(self) -> str:
        """Dotted name; that of the package for an ``__init__.py``."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def is_package(self) -> bool:
        """Whether this is the ``__init__.py`` of a package."""
        return self.path.endswith("/__init__.py")

    @property
    def folder(self) -> str:
        """Dotted name of the folder that holds the file."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return self.text.count("\n")

    @property
    def docstring(self) -> str:
        """Docstring of the module; empty without one."""
        return ast.get_docstring(self.tree) or ""

    @property
    def excuses(self) -> int:
        """How many comments are a ``noqa``."""
        if NOQA.search(self.text) is None:
            return 0
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        comments = (token.string for token in tokens if token.type == tokenize.COMMENT)
        return sum(NOQA.search(comment) is not None for comment in comments)

    @property
    def broad_excepts(self) -> int:
        """How many handlers catch every exception."""
        handlers = [node for node in ast.walk(self.tree) if isinstance(node, ast.ExceptHandler)]
        return sum(handler.type is None or _is_broad(handler.type) for handler in handlers)

    @property
    def sleeps(self) -> list[str]:
        """The functions that sleep for some time; ``sleep(0)`` only lets other tasks go on."""
        return [
            function.name
            for function in ast.walk(self.tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            and any(_is_sleep(node) for node in ast.walk(function))
        ]

    @property
    def functions(self) -> list[Function]:
        """All functions and methods of the file."""
        nodes = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        return [
            Function(f"{self.path}:{node.name}", (node.end_lineno or 0) - node.lineno + 1)
            for node in nodes
        ]

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, self.path)

    def imports(self) -> Iterator[str]:
        """Yield the dotted names that are imported anywhere in the file, inside functions too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def read_modules(folders: Sequence[str], root: Path = ROOT) -> list[Module]:
    """Return the source files below some folders of a checkout, in the order of their paths."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    return [Module(path.relative_to(root).as_posix(), path.read_text()) for path in paths]


def module_imports(modules: Sequence[Module]) -> Graph:
    """Return for each module which of the others it imports."""
    known = {module.name for module in modules}
    return {
        module.name: frozenset(_resolved(module.imports(), known) - {module.name})
        for module in modules
    }


def folder_imports(modules: Sequence[Module]) -> Graph:
    """Return for each folder the others that its files import from."""
    folder_of = {module.name: module.folder for module in modules}
    graph: dict[str, set[str]] = defaultdict(set)
    for importer, imported in module_imports(modules).items():
        graph[folder_of[importer]] |= {folder_of[name] for name in imported}
    return {folder: frozenset(others - {folder}) for folder, others in graph.items()}


def circles(graph: Graph) -> list[list[str]]:
    """Return the groups whose members all reach one another, each sorted (Tarjan 1972)."""
    search = _CircleSearch(graph)
    for node in graph:
        search.visit(node)
    return sorted(search.found)


class _CircleSearch:
    """Strongly connected components of more than one node."""

    def __init__(self, graph: Graph) -> None:
        self.found: list[list[str]] = []
        self._graph = graph
        self._number: dict[str, int] = {}
        self._lowest: dict[str, int] = {}
        self._stack: list[str] = []

    def visit(self, node: str) -> None:
        """Add the circles that are reached from a node."""
        if node in self._number:
            return
        self._number[node] = self._lowest[node] = len(self._number)
        self._stack.append(node)
        for other in self._graph.get(node, frozenset()):
            self.visit(other)
            if other in self._stack:
                self._lowest[node] = min(self._lowest[node], self._lowest[other])
        if self._lowest[node] == self._number[node]:
            begin = self._stack.index(node)
            members, self._stack = self._stack[begin:], self._stack[:begin]
            if len(members) > 1:
                self.found.append(sorted(members))


def _resolved(names: Iterator[str], known: set[str]) -> set[str]:
    """Return the modules that the imported names stand for, or stand in."""
    return {
        name if name in known else name.rpartition(".")[0]
        for name in names
        if name in known or name.rpartition(".")[0] in known
    }


def _is_broad(caught: ast.expr) -> bool:
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(name, ast.Name) and name.id in BROAD for name in names)


def _is_sleep(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or ast.unparse(node.func) not in SLEEPS:
        return False
    return ast.unparse(node.args[0]) != "0"


def by_path(modules: Sequence[Module], count: Callable[[Module], int]) -> dict[str, int]:
    """Return a count for each file that has any."""
    return {module.path: number for module in modules if (number := count(module))}


def modules_by_folder(modules: Sequence[Module]) -> Counter[str]:
    """Return how many modules each folder holds, ``__init__.py`` aside."""
    return Counter(module.folder for module in modules if not module.is_package)


def figures(root: Path) -> list[str]:
    """Return the figures of a checkout, one a line."""
    source, tests = read_modules(PACKAGES, root), read_modules(["tests"], root)
    lines = sorted(function.lines for module in source for function in module.functions)
    folders = sorted(modules_by_folder(source).values())
    median, ninetieth = statistics.median(lines), lines[len(lines) * 9 // 10]
    files = [module.lines for module in source]
    source_lines, test_lines = sum(files), sum(module.lines for module in tests)
    module_circles, folder_circles = (
        len(circles(graph(source))) for graph in (module_imports, folder_imports)
    )
    excuses, test_excuses = (sum(m.excuses for m in each) for each in (source, tests))
    return [
        f"modules: {len(source)}, of tests {len(tests)}",
        f"lines: {source_lines}, of tests {test_lines}, ratio {test_lines / source_lines:.2f}",
        f"functions: {len(lines)}",
        f"lines a function: median {median:.0f}, p90 {ninetieth}, max {lines[-1]}",
        f"lines a file: median {statistics.median(files):.0f}, max {max(files)}",
        f"files a folder: median {statistics.median(folders):.0f}, max {folders[-1]}",
        f"noqa: {excuses}, of tests {test_excuses}",
        f"broad excepts: {sum(m.broad_excepts for m in source)}",
        f"import circles: of modules {module_circles}, of folders {folder_circles}",
    ]


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    sys.stdout.write("\n".join([*figures(folder), ""]))
