"""What starts a run? An entity, a window, overrides, and who asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtb_optimizer.core.windows import Window, WindowAsked, resolve_window, zone
from rtb_optimizer.store.runs import Attempt


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request for a run; `overrides` come from the trigger form, None for a field left empty."""

    entity_code: str
    attempt: Attempt
    window: WindowAsked
    triggered_by: str
    overrides: Mapping[str, object]

    def resolved_window(self, values: Mapping[str, Any]) -> Window:
        """Return the window under a configuration's values, or under the defaults where there are none.

        Raises:
            WindowInvalid: when the dates are no window, or its logs cannot be complete yet.
        """
        return resolve_window(self.window, zone(values.get("timezone", "UTC")), values.get("lookback_days", 1))
