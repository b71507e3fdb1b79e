"""Says what a run is made by on this machine: release, code, Python, packages and engine."""

import platform
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rtb_optimizer import __version__
from rtb_optimizer.core.selection.select import SHADOW_SEED
from rtb_optimizer.engines.duckdb.identified import EngineIdentity, identity
from rtb_optimizer.outputs.documents.capsule import MadeBy

PACKAGES = ("numpy", "pyarrow", "duckdb", "pydantic", "jinja2", "matplotlib", "tzdata", "deltalake", "pyiceberg")
"""The packages that have a part in the bytes of an output, as far as they are installed."""
PACKAGE = Path(__file__).parents[1]
LOCK = PACKAGE.parents[1] / "requirements.txt"
HERE = "duckdb"
"""The engine that counts on this machine."""
NO_CODE = "__pycache__"


def made_by(threads: int, engine_name: str) -> MadeBy:
    """Return what a run is made by, which counts with so many threads by `engine` of its configuration.

    A server's version is known when it counts, and then stands in the manifest.
    """
    engine = identity() if engine_name == HERE else EngineIdentity(engine_name, "", "")
    return MadeBy(
        release=__version__,
        code_sha256=code_sha256(PACKAGE),
        lock_sha256=sha256(LOCK.read_bytes()).hexdigest() if LOCK.exists() else None,
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        packages={name: found for name in PACKAGES if (found := _version(name))},
        engine=engine.name,
        engine_version=engine.version,
        hash_sample=engine.hash_sample,
        seed=SHADOW_SEED,
        threads=threads,
    )


@cache
def code_sha256(package: Path) -> str:
    """Return a hash of all files of a package, with their names."""
    files = (path for path in sorted(package.rglob("*")) if path.is_file() and NO_CODE not in path.parts)
    digest = sha256()
    for path in files:
        digest.update(f"{path.relative_to(package)} {sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
