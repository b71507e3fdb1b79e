"""What keeps the code in shape: imports flow one way, modules and functions stay small, names say something."""

import ast

import pytest

from conftest import CHECKOUT

PACKAGE = CHECKOUT / "include" / "rtb_optimizer"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 300, 40
READ_AS_ONE = {"store/schema.py"}  # tables that refer to each other

# Who may import whom: a module may import what stands before its own layer, and its own.
LAYERS = {
    "errors": set(),
    "manifest": {"errors"},
    "outputs": {"core", "errors", "store"},
    "core": {"errors"},
    "engines": {"core", "errors"},
    "store": {"core", "errors", "manifest"},
    "screening": {"core", "engines", "errors"},
    "workspace": {"core", "engines", "errors", "outputs", "store"},
    "run_warnings": {"core"},
    "restated": {"core", "errors", "outputs", "store"},
    "report": {"active", "core", "outputs", "selection_record", "store", "workspace"},
    "figures": {"outputs"},
    "run_request": {"core", "store"},
    "active": {"core", "outputs", "store"},
    "handover": {"core", "outputs"},
    "tables": {"core", "engines", "outputs"},
    "exports": {"core", "errors"},
    "ad_macros": {"core", "store"},
    "macro_proof": {"core", "handover", "outputs", "workspace"},
    "exporting": {"core", "exports", "store", "tables", "workspace"},
    "selection_warnings": {"core", "screening"},
    "catalog_warnings": {"core", "errors", "restated", "store"},
    "reading": {"core", "engines", "screening", "store", "workspace"},
    "selection_record": {"core", "reading"},
    "steps": {
        "active",
        "ad_macros",
        "catalog_warnings",
        "core",
        "engines",
        "errors",
        "exporting",
        "figures",
        "handover",
        "macro_proof",
        "outputs",
        "reading",
        "report",
        "restated",
        "run_request",
        "run_warnings",
        "selection_record",
        "selection_warnings",
        "store",
        "tables",
        "workspace",
    },
    "pipeline": {"errors", "run_request", "steps", "store"},
    "operations": {"core", "engines", "errors", "manifest", "store"},
    "notifier": {"errors", "operations"},
    "dagrun_request": {"core", "errors", "run_request", "store"},
    "callbacks": {"errors", "operations", "store"},
    "listener": {"callbacks", "errors", "store"},
    "freshness": {"store", "workspace"},
    "sensors": {"errors", "freshness", "steps"},
    "trigger_form": set(),
    "dagfactory": {"callbacks", "dagrun_request", "errors", "manifest", "notifier", "sensors", "steps", "trigger_form"},
    "web": {"core", "errors", "outputs", "store"},
    "local": {"errors"},
    "demo": {"core", "errors", "local", "outputs", "store"},
    "cli": {"core", "errors", "manifest", "operations", "outputs", "pipeline", "run_request", "store"},
    "__main__": {"cli"},
}
AIRFLOW_MODULES = {
    "store/connections.py",
    "dagfactory.py",
    "sensors.py",
    "trigger_form.py",
    "callbacks.py",
    "operations/alert_channels.py",
    "notifier.py",
    "operations/metrics.py",
    "listener.py",
    "web/access.py",
    "web/entity_list.py",
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
        "itertools",
        "json",
        "math",
        "numpy",
        "re",
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
            yield node.module
            if node.module == "rtb_optimizer":
                yield from (f"rtb_optimizer.{alias.name}" for alias in node.names if alias.name != "__version__")


def layer(path):
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def name(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_flow_one_way(path):
    own = layer(path)
    if own == "__init__":
        return
    used = {module.split(".")[1] for module in imports(path) if module.startswith("rtb_optimizer.")}

    assert used <= LAYERS[own] | {own}


@pytest.mark.parametrize("path", [p for p in MODULES if layer(p) in PURE], ids=name)
def test_the_core_imports_nothing_that_could_touch_the_world(path):
    assert {module.split(".")[0] for module in imports(path)} <= PURE_MAY_IMPORT


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_a_few_modules_know_airflow(path):
    if any(module.split(".")[0] == "airflow" for module in imports(path)):
        assert name(path) in AIRFLOW_MODULES


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
def test_every_module_says_which_question_it_answers(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_plugins_folder_holds_one_short_file():
    """The loader executes every .py below plugins/ and registers it by its bare name."""
    files = list((CHECKOUT / "plugins").rglob("*.py"))

    assert [path.name for path in files] == ["rtb_optimizer_plugin.py"]
    assert len(files[0].read_text().splitlines()) <= 25
