"""What does each section of the report mean? One plain sentence a section, for a yield analyst."""

from collections.abc import Mapping, Sequence
from typing import Any

from rtb_optimizer.outputs.report_page.formatting import change, count, is_number, spelled, text

Document = Mapping[str, Any]


def sentences(document: Document) -> dict[str, str]:
    """Return the sentence of each section, by its name; a section that is absent says so."""
    return {name: say(document) for name, say in _SAY.items()}


def _part(document: Document, name: str) -> Mapping[str, Any]:
    return document.get(name) or {}


def _rows(document: Document, name: str) -> Sequence[Mapping[str, Any]]:
    return document.get(name) or []


def _many(number: float, one: str, more: str = "") -> str:
    return f"{count(number)} {one if number == 1 else more or one + 's'}"


def _verdict(document: Document) -> str:
    words = {
        "activate": "This run is good enough to take over from what bidders read now.",
        "hold": "This run is not to take over: bidders keep what they read now.",
    }
    return words.get(str(_part(document, "verdict").get("decision")), "This run has no verdict.")


def _kpis(document: Document) -> str:
    compared = [kpi for kpi in _rows(document, "kpis") if is_number(kpi.get("change"))]
    if not _rows(document, "kpis"):
        return "No key figures were computed."
    if not compared:
        return "There is no earlier run to compare these with."
    first = max(compared, key=lambda kpi: (_beyond_chance(kpi) is True, abs(kpi["change"])))
    chance = {True: "more than chance explains", False: "which chance explains", None: "chance was not reckoned"}
    moved = f"{text(first.get('name'))} by {change(first['change'])} against the run before"
    return f"What moved most: {moved}, {chance[_beyond_chance(first)]}."


def _beyond_chance(kpi: Mapping[str, Any]) -> bool | None:
    """Whether the interval of a change leaves out no change; None where there is no interval."""
    low, high = kpi.get("low"), kpi.get("high")
    return not low <= 0 <= high if is_number(low) and is_number(high) else None


def _coverage(document: Document) -> str:
    found, expected = (_part(document, "coverage").get(f"partitions_{n}") for n in ("found", "expected"))
    if not is_number(found) or not is_number(expected):
        return "What the logs covered was not recorded."
    if found >= expected:
        return f"The logs are complete: all of {_many(expected, 'partition')}."
    return f"Only {count(found)} of {_many(expected, 'partition')} are there: the figures stand on part of the window."


def _warnings(document: Document) -> str:
    rows = document.get("warnings")
    if rows is None:
        return "Whether anything about the logs looks wrong was not recorded."
    return f"{_many(len(rows), 'thing')} to look into." if rows else "Nothing about the logs looks wrong."


def _features(document: Document) -> str:
    rows = _rows(document, "features")
    scored = [row for row in rows if is_number(row.get("signal_score"))]
    if not scored:
        return f"{_many(len(rows), 'feature')} without a score." if rows else "No features were chosen."
    best = max(scored, key=lambda row: float(row["signal_score"]))
    share = spelled(best["signal_score"], "percent")
    return (
        f"Of {_many(len(rows), 'feature')}, {text(best.get('name'))} adds the most: "
        f"it explains {share} of what an average rate leaves unexplained."
    )


def _interactions(document: Document) -> str:
    rows = _rows(document, "interactions")
    found = _many(len(rows), "set of features says", "sets of features say") if rows else "No features say"
    return f"{found} more together than apart."


def _rejected(document: Document) -> str:
    rows = _rows(document, "rejected")
    return f"{_many(len(rows), 'column')} left out, each with its reason." if rows else "No column was left out."


def _segments(document: Document) -> str:
    part = _part(document, "segments")
    if not is_number(part.get("total")):
        return "No segment table was built."
    trusted = (part.get("tiers") or {}).get("high")
    told = f", {count(trusted)} of them on 100 outcomes or more" if is_number(trusted) else ""
    none = f"; on {count(part['no_bid'])} it advises no bid" if is_number(part.get("no_bid")) else ""
    return f"The table has {_many(part['total'], 'row')}{told}{none}."


def _joint(document: Document) -> str:
    losses = _rows(_part(document, "joint"), "losses")
    known = [row for row in losses if is_number(row.get("gain")) and is_number(row.get("master_gain"))]
    if not known:
        return "No joint table was made to compare with."
    last = known[-1]
    joint, master = (spelled(last[name], "percent") for name in ("gain", "master_gain"))
    verb = "more" if last["gain"] > last["master_gain"] else "no more"
    keys = f"{spelled(last.get('keys'), 'count')} keys given"
    return f"With {keys}, a joint table explains {verb} than the segment table: {joint} against {master}."


def _holdout(document: Document) -> str:
    gain = _part(document, "holdout").get("gain")
    if not is_number(gain):
        return "The run was not judged on a hold-out."
    if gain <= 0:
        return "On logs it had not seen, the table is no better than one average rate."
    return f"On logs it had not seen, the table explains {spelled(gain, 'percent')} of what an average rate does not."


def _replay(document: Document) -> str:
    policies = {p.get("name"): p.get("outcomes_per_spend") for p in _rows(_part(document, "replay"), "policies")}
    ours = policies.get("this run")
    for name, words in (("active run", "those of the active run"), ("all ones", "bids left as they are")):
        theirs = policies.get(name)
        if is_number(ours) and is_number(theirs) and theirs > 0:
            more = ours / theirs - 1
            share = f"{spelled(abs(more), 'percent')} {'more' if more >= 0 else 'fewer'}"
            return f"A unit of spend would buy {share} outcomes by this run's bids than by {words}."
    return "No bids were replayed."


def _changes(document: Document) -> str:
    part = _part(document, "changes")
    if not part.get("against"):
        return "There is no active run to compare with."
    told = ", ".join(f"{count(part[n])} {n}" for n in ("appeared", "vanished", "moved") if is_number(part.get(n)))
    return f"Against {text(part['against'])}: {told or 'nothing was counted'}."


def _ad_macros(document: Document) -> str:
    formats = _part(document, "ad_macros").get("formats") or {}
    able = sum(bool((each or {}).get("combo")) for each in formats.values())
    if not formats:
        return "No ad macros were mapped."
    rates = {name: (trip or {}).get("hit_rate") for name, trip in _part(document, "round_trip").items()}
    proved = {name: rate for name, rate in rates.items() if is_number(rate)}
    best = max(proved, key=lambda name: proved[name], default=None)
    told = (
        f"; {text(best)} finds the right rows for {spelled(proved[best], 'percent')} of the exposures" if best else ""
    )
    return f"{count(able)} of {_many(len(formats), 'format')} can address segments{told}."


def _exports(document: Document) -> str:
    rows = [row for row in _rows(document, "exports") if is_number(row.get("mean_error"))]
    if not rows:
        return "The table was exported to no platform's own format."
    worst = max(rows, key=lambda row: float(row["mean_error"]))
    error = spelled(worst["mean_error"], "percent")
    return f"{_many(len(rows), 'export')}; bids differ most in {text(worst.get('platform'))}: by {error} on average."


def _outputs(document: Document) -> str:
    rows = _rows(document, "outputs")
    size = sum(row["byte_size"] for row in rows if is_number(row.get("byte_size")))
    return f"{_many(len(rows), 'object')}, {spelled(size, 'bytes')} in all." if rows else "No outputs were recorded."


def _config(document: Document) -> str:
    part = _part(document, "config")
    if not part.get("values"):
        return "The configuration was not recorded."
    default, active = (len(part.get(f"changed_from_{name}") or []) for name in ("default", "active"))
    return f"{_many(default, 'key')} set otherwise than by default, {count(active)} otherwise than in the active run."


_SAY = {
    "verdict": _verdict,
    "kpis": _kpis,
    "coverage": _coverage,
    "warnings": _warnings,
    "features": _features,
    "interactions": _interactions,
    "rejected": _rejected,
    "segments": _segments,
    "joint": _joint,
    "holdout": _holdout,
    "replay": _replay,
    "changes": _changes,
    "ad_macros": _ad_macros,
    "exports": _exports,
    "outputs": _outputs,
    "config": _config,
}
