"""The rules of the code: imports flow one way, modules and functions stay small, names are specific."""

import ast
import re
import sys

import pytest

from checkout import CHECKOUT

PACKAGE = CHECKOUT / "include" / "rtb_optimizer"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 300, 40
READ_AS_ONE = {"store/schema.py"}  # tables that refer to each other

# Which rooms a room may import. A permission that nothing uses fails, and so does a circle of modules.
ROOMS = {
    "errors": set(),
    "core": {"errors"},
    "engines": {"core", "errors"},
    "exports": {"core"},
    "store": {"core", "errors"},
    "logs": {"core", "store", "errors"},
    "outputs": {"core", "store", "errors"},
    "live": {"core", "outputs", "store", "errors"},
    "run": {"core", "engines", "live", "exports", "logs", "outputs", "store", "errors"},
    "steps": {"run", "live", "logs", "core", "engines", "outputs", "store", "errors"},
    "operations": {"steps", "run", "core", "engines", "live", "logs", "outputs", "store", "errors"},
    "dag": {"steps", "run", "operations", "store", "core", "errors"},
    "web": {"core", "live", "operations", "outputs", "store", "errors"},
    "cli": {"steps", "run", "live", "operations", "outputs", "store", "core", "errors"},
    "local": {"errors"},
    "demo": {"local", "outputs", "store", "errors"},
    "__init__": {"outputs"},
    "__main__": {"cli"},
}
INNER_ROOMS = {
    "core/sample": set(),
    "core/model": {"core/sample"},
    "core/selection": {"core/sample", "core/model", "core/decision"},
    "core/table": {"core/sample", "core/model", "core/selection", "core/decision"},
    "core/macros": {"core/sample", "core/decision"},
    "core/platforms": {"core/sample"},
    "core/decision": {"core/sample"},
    "core/realized": {"core/sample", "core/table", "core/config"},
    "core/config": {"core/sample", "core/selection", "core/table", "core/macros", "core/platforms", "core/decision"},
    "engines/sql": set(),
    "engines/passes": {"engines/sql", "engines/protocol"},
    "engines/files": set(),
    "engines/parquet": {"engines/files", "engines/sql"},
    "engines/duckdb": {*(f"engines/{room}" for room in ("sql", "files", "parquet", "progress", "protocol"))},
    "engines/spark": {*(f"engines/{room}" for room in ("sql", "files", "parquet", "progress", "protocol"))},
    "engines/exact": {*(f"engines/{room}" for room in ("sql", "passes", "parquet", "progress", "protocol"))},
}
ROOT_MODULES = {"__init__.py", "__main__.py", "errors.py"}
MAY_IMPORT_AIRFLOW = (
    *("dag/", "web/", "operations/alert_channels.py", "operations/metrics.py"),
    *("store/connections.py", "store/airflow_connections.py", "store/catalog_connection.py"),
)
AT_EVERY_PARSE = {"store/dag_list.py": {"rtb_optimizer.errors"}}
SMALL_LINES = 50
OF_A_KIND = {  # one of several siblings: a check, a page, a platform's fields; or a subject that nothing else has
    "core/config/currencies.py",
    "core/config/schedule.py",
    "engines/duckdb/failures.py",
    "engines/duckdb/spill.py",
    "local/airflow_settings.py",
    "logs/lake/iceberg_store.py",
    "operations/doctor/airflow.py",
    "operations/doctor/cluster.py",
    "web/api/configuration.py",
    "web/assets.py",
    "web/run/config.py",
}
PURE = {"core"}
PURE_MAY_IMPORT = {
    *(
        "collections",
        "croniter",
        "dataclasses",
        "datetime",
        "difflib",
        "enum",
        "functools",
        "html",
        "itertools",
        "json",
        "math",
        "numpy",
        "re",
        "shlex",
    ),
    *("rtb_optimizer", "statistics", "typing", "unicodedata", "urllib", "zoneinfo"),
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base"}


def imports(path):
    """Every module that a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            of_package = [f"{node.module}.{alias.name}" for alias in node.names if alias.name != "__version__"]
            modules = [module for module in of_package if file_of(module)]
            yield from modules
            if len(modules) < len(of_package) or node.module != "rtb_optimizer":
                yield node.module


def file_of(module):
    """Return the file of one of our modules, or None: a package has none here, its `__init__` only describes it."""
    path = PACKAGE.parent / (module.replace(".", "/") + ".py")
    return path if module.startswith("rtb_optimizer.") and path.exists() else None


def own_imports(path):
    return {module_file for module in imports(path) if (module_file := file_of(module))}


def name(path):
    return str(path.relative_to(PACKAGE))


def room(path, depth=1):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "/".join(parts[:depth])


def used_by(target, depth):
    modules = [path for path in MODULES if room(path, depth) == target]
    return {room(other, depth) for path in modules for other in own_imports(path)} - {target}


def importers():
    sources = [*MODULES, *(CHECKOUT / "dags").glob("*.py"), *(CHECKOUT / "plugins").glob("*.py")]
    importing = {path: set() for path in MODULES}
    for source in sources:
        for module in own_imports(source) & importing.keys():
            importing[module].add(source)
    return importing


def test_every_module_stands_in_a_room_that_the_table_names():
    rooms = {room(path) for path in MODULES if len(path.relative_to(PACKAGE).parts) > 1}
    inner = {room(path, 2) for path in MODULES if room(path) in ("core", "engines") and path.parent.parent != PACKAGE}

    assert rooms <= ROOMS.keys()
    assert {path.name for path in PACKAGE.glob("*.py")} == ROOT_MODULES
    assert inner <= INNER_ROOMS.keys()


@pytest.mark.parametrize("target", ROOMS)
def test_a_room_imports_what_its_row_permits_and_uses_every_permission(target):
    assert used_by(target, 1) == ROOMS[target]


@pytest.mark.parametrize("target", INNER_ROOMS)
def test_a_room_of_core_and_engines_does_so_too(target):
    inside = {other for other in used_by(target, 2) if other.split("/")[0] == target.split("/")[0]}

    assert inside == INNER_ROOMS[target]


def test_there_is_no_circle_of_imports():
    graph = {path: own_imports(path) & set(MODULES) for path in MODULES}
    while leaves := [path for path, needs in graph.items() if not needs & graph.keys() - {path}]:
        for path in leaves:
            del graph[path]

    assert sorted(map(name, graph)) == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"])
def test_a_room_says_which_modules_it_has(path):
    described = ast.get_docstring(ast.parse(path.read_text()))
    inside = {p.stem for p in path.parent.glob("*.py")} | {p.parent.name for p in path.parent.glob("*/__init__.py")}
    missing = {module for module in inside - {"__init__", "__main__"} if not re.search(rf"\b{module}\b", described)}

    assert missing == set()


def test_a_small_module_has_two_importers_or_stands_in_another_room_than_its_only_one():
    importing = importers()
    alone = [
        name(path)
        for path, by in importing.items()
        if len(path.read_text().splitlines()) < SMALL_LINES
        and path.name not in ROOT_MODULES
        and len(by) == 1
        and next(iter(by)).parent == path.parent
    ]

    assert set(alone) == OF_A_KIND


@pytest.mark.parametrize("module", AT_EVERY_PARSE)
def test_what_every_parse_reads_imports_the_standard_library_alone(module):
    others = {used for used in imports(PACKAGE / module) if used.split(".")[0] not in sys.stdlib_module_names}

    assert others == AT_EVERY_PARSE[module]


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) in PURE], ids=name)
def test_the_core_imports_nothing_that_could_touch_the_world(path):
    assert {module.split(".")[0] for module in imports(path)} <= PURE_MAY_IMPORT


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) in PURE], ids=name)
def test_the_core_multiplies_no_matrices(path):
    """BLAS splits a product among its threads: the last bits of a sum would follow the number of processors."""
    products = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.MatMult)]

    assert products == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_a_few_modules_know_airflow(path):
    if any(module.split(".")[0] == "airflow" for module in imports(path)):
        assert name(path).startswith(MAY_IMPORT_AIRFLOW)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_and_functions_stay_small(path):
    tree = ast.parse(path.read_text())
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [f.name for f in functions if f.end_lineno - f.lineno + 1 - docstring_lines(f) > MAX_FUNCTION_LINES]

    assert len(path.read_text().splitlines()) <= MAX_MODULE_LINES or name(path) in READ_AS_ONE
    assert long == []


def docstring_lines(function):
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return first.end_lineno - first.lineno + 1 if is_docstring else 0


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_names_say_something(path):
    assert set(path.relative_to(PACKAGE).with_suffix("").parts).isdisjoint(VAGUE)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_has_a_docstring_and_no_docstring_asks(path):
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(path.read_text())
    docstrings = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]

    assert ast.get_docstring(tree)
    assert [text for text in docstrings if "?" in text.split("\n\n")[0]] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_name_is_defined_twice_in_a_module(path):
    """The second definition would replace the first without a word, as where two modules become one."""
    defined = [found for node in ast.parse(path.read_text()).body for found in names_defined_by(node)]

    assert [found for found in sorted(set(defined)) if defined.count(found) > 1] == []


def names_defined_by(node):
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def test_the_plugins_folder_holds_one_short_file():
    """The loader executes every .py below plugins/ and registers it by its bare name."""
    files = list((CHECKOUT / "plugins").rglob("*.py"))

    assert [path.name for path in files] == ["rtb_optimizer_plugin.py"]
    assert len(files[0].read_text().splitlines()) <= 25
