"""The settings of version v3 as its seed declares them, for tests that need no catalog."""

from functools import cache
from pathlib import Path

from rtb_optimizer.core.config.key import ConfigKey
from rtb_optimizer.core.config.resolve import resolve
from rtb_optimizer.core.config.rules import settings_of
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.store import seeds

SEED = Path(seeds.__file__).with_name("seeds") / "v3.toml"
REQUIRED = {"logs_path": "s3://lake/logs/date={date}/", "outcome_column": "click", "candidate_features": "site"}


@cache
def declared_keys() -> tuple[ConfigKey, ...]:
    """Return the declarations of v3.toml, which is read once."""
    return tuple(seeds.config_keys())


def v3_settings(**overrides: object) -> Settings:
    """Return the defaults of v3 with some values overridden, as a trigger would."""
    return settings_of(resolve(declared_keys(), REQUIRED, overrides).values)
