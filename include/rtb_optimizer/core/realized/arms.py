"""Draws the arm of a request: treated, bid by the table; the control, bid 1.0 on purpose; or a challenger's.

The draw is a hash of an id, so that a request is in one arm for good as long as the salt stands, any reader applies it
in one line, and the arm of a row is known from its logs. The control takes one end of the hash and the challenger the
other: a change of one share moves no request between the other two arms.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from rtb_optimizer.core.config.settings import arm_id_column

HASH = "md5"
"""Every language and every engine has it; it draws lots here, and protects nothing."""
DIGITS = 8
CONTROL_SUFFIX = ":control"
"""What the model version of the control has after the run code, where a platform names the model that bid."""


class Arm(StrEnum):
    """By what a request was bid."""

    TREATED = "treated"
    CONTROL = "control"
    CHALLENGER = "challenger"


@dataclass(frozen=True, slots=True)
class Holdback:
    """The rule of the control: requests whose hashed id is below a bound are bid 1.0.

    A request is held back when the first eight hex digits of md5(`salt` + id) sort before `below`.
    """

    share: float
    id_column: str
    salt: str

    @property
    def below(self) -> str:
        """The bound, as eight hex digits."""
        return f"{min(round(self.share * 16**DIGITS), 16**DIGITS - 1):0{DIGITS}x}"

    def document(self) -> dict[str, Any]:
        """Return the rule as readers find it."""
        return asdict(self) | {"hash": HASH, "below": self.below}

    @classmethod
    def of(cls, config: Mapping[str, Any], entity_code: str) -> Self | None:
        """Return the rule of a run's configuration; None without a holdback, or where the platform draws the arm."""
        share = float(config.get("holdback_share") or 0)
        column = _id_column(config)
        if share <= 0 or not column:
            return None
        return cls(share, column, f"{entity_code}:")


@dataclass(frozen=True, slots=True)
class ChallengerRule:
    """The rule of a challenger's arm: requests whose hashed id is at or above a bound are bid by its table.

    A request is the challenger's when the first eight hex digits of md5(`salt` + id) do not sort before `from`. Without
    an `id_column` the platform draws the arm, by the share alone, and the logs name the run that bid.
    """

    share: float
    id_column: str
    salt: str

    @property
    def starts_at(self) -> str:
        """The bound, as eight hex digits."""
        return f"{min(round((1 - self.share) * 16**DIGITS), 16**DIGITS - 1):0{DIGITS}x}"

    def document(self) -> dict[str, Any]:
        """Return the rule as readers find it."""
        if not self.id_column:
            return {"share": self.share}
        return asdict(self) | {"hash": HASH, "from": self.starts_at}

    @classmethod
    def of(cls, config: Mapping[str, Any], entity_code: str, share: float) -> Self:
        """Return the rule of a share under a configuration: by the id that draws the control as well."""
        return cls(share, _id_column(config), f"{entity_code}:")


def _id_column(config: Mapping[str, Any]) -> str:
    """Return the column of the id that draws the arm by a stored configuration; none where the platform draws it."""
    if config.get("arm_column"):
        return ""
    return arm_id_column(str(config.get("holdback_id_column") or ""), config.get("row_id_columns") or [])


@dataclass(frozen=True, slots=True)
class ArmRules:
    """What draws the arm of a row, by its mark: the code of a run, the place of a period, or a day.

    `holdbacks` has the rule of the control; a mark without one holds nothing back by the id. `challengers` has the rule
    of a challenger's share, and `challenger_runs` the codes of runs that bid on such a share, where rows name the run.
    """

    holdbacks: Mapping[object, Holdback] = field(default_factory=dict)
    challengers: Mapping[object, ChallengerRule] = field(default_factory=dict)
    challenger_runs: Collection[str] = ()
