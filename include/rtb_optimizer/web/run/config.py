"""The configuration of a run: its snapshot beside the version's defaults and the other run's."""

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.store import configs
from rtb_optimizer.web.rendering import PageContent
from rtb_optimizer.web.run.view import RunView

UNDECLARED = ("Of another release", "not declared by the version")
"""Section and title of a key that the version does not declare: it was retired since."""


def config(view: RunView) -> PageContent:
    """Return every key with its value, the default, and the other run's value; those that differ also separately."""
    keys = configs.declared_keys(view.session, view.run.version_id)
    defaults = configs.defaults(view.session, view.run.version_id)
    snapshot = RunSnapshot.read(view.run.config_snapshot)
    values, origins = snapshot.values, snapshot.origins
    other_values: dict[str, object] = {}
    if view.other is not None:
        other = RunSnapshot.read(view.other.config_snapshot)
        other_values = {**configs.defaults(view.session, view.other.version_id), **other.values}
    titles = {key.key: (key.section, key.display_name) for key in keys}
    rows = [
        {
            "key": name,
            "section": titles.get(name, UNDECLARED)[0],
            "title": titles.get(name, UNDECLARED)[1] or name,
            "value": values.get(name),
            "recorded": name in values,
            "default": defaults.get(name),
            "other": other_values.get(name),
            "origin": origins.get(name),
            "from_default": name in values and values[name] != defaults.get(name),
            "from_other": bool(other_values) and name in values and values[name] != other_values.get(name),
        }
        for name in [*titles, *sorted(values.keys() - titles.keys())]
    ]
    return {"rows": rows, "differing": [row for row in rows if row["from_default"] or row["from_other"]]}
