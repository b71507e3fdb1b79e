"""What starts a run: an entity, a window, overrides, and a name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rtb_optimizer.core.config.window import Window, WindowRequest, WindowRules, resolve_window, zone
from rtb_optimizer.store.runs import Attempt


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request for a run; `overrides` come from the trigger form, None for a field left empty.

    `form_only`: they are the conf of a dag run, which may set the keys of the form alone.
    """

    entity_code: str
    attempt: Attempt
    window: WindowRequest
    triggered_by: str
    overrides: Mapping[str, object]
    form_only: bool = False

    def resolved_window(self, values: Mapping[str, Any]) -> Window:
        """Return the window under a configuration's values, or under the defaults where there are none.

        Raises:
            WindowInvalid: when the dates are no window, or its logs cannot be complete yet.
        """
        default = WindowRules()
        rules = WindowRules(
            values.get("lookback_days", default.lookback_days),
            values.get("max_window_days", default.max_days),
            timedelta(hours=values.get("maturity_lag_hours", 0)),
        )
        return resolve_window(self.window, zone(values.get("timezone", "UTC")), rules)
