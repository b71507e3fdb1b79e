"""The sentence of each section of the report, for a yield analyst."""

from collections.abc import Callable, Sequence

from rtb_optimizer.outputs.documents.report import KpiDocument, Report
from rtb_optimizer.outputs.documents.selection import FeatureDocument
from rtb_optimizer.outputs.report_page.formatting import change, count, formatted, text


def sentences(report: Report) -> dict[str, str]:
    """Return the sentence of each section, by its name; a section that is absent has one that states so."""
    return {name: sentence(report) for name, sentence in _SENTENCES.items()}


def _many(number: float, one: str, more: str = "") -> str:
    return f"{count(number)} {one if number == 1 else more or one + 's'}"


def _verdict(report: Report) -> str:
    words = {
        "activate": "This run passes its gates: it may replace what bidders read now.",
        "hold": "This run is held: bidders keep what they read now.",
    }
    return words.get(str(report.verdict.decision), "This run has no verdict.")


def _kpis(report: Report) -> str:
    compared = [(kpi, kpi.change) for kpi in report.kpis if kpi.change is not None]
    if not report.kpis:
        return "No key figures were computed."
    if not compared:
        return "There is no earlier run to compare these with."
    first, moved_by = max(compared, key=lambda each: (_beyond_chance(each[0]) is True, abs(each[1])))
    chance = {True: "more than chance explains", False: "which chance explains", None: "chance was not reckoned"}
    moved = f"{text(first.name)} by {change(moved_by)} against the run before"
    return f"What moved most: {moved}, {chance[_beyond_chance(first)]}."


def _beyond_chance(kpi: KpiDocument) -> bool | None:
    """Whether the interval of a change leaves out no change; None where there is no interval."""
    return None if kpi.low is None or kpi.high is None else not kpi.low <= 0 <= kpi.high


def _coverage(report: Report) -> str:
    coverage = report.coverage
    if coverage is None or coverage.partitions_found is None or coverage.partitions_expected is None:
        return "What the logs covered was not recorded."
    present, expected = coverage.partitions_found, coverage.partitions_expected
    if present >= expected:
        return f"The logs are complete: all of {_many(expected, 'partition')}."
    return f"Only {count(present)} of {_many(expected, 'partition')} are present: the figures cover part of the window."


def _warnings(report: Report) -> str:
    rows = report.warnings
    if rows is None:
        return "Whether anything about the logs looks wrong was not recorded."
    return f"{_many(len(rows), 'warning')} to review." if rows else "Nothing about the logs looks wrong."


def _features(report: Report) -> str:
    rows = report.features
    scored = [(row.signal_score, row.name) for row in rows if row.signal_score is not None]
    if not scored:
        return f"{_many(len(rows), 'feature')} without a score." if rows else "No features were chosen."
    score, name = max(scored, key=lambda each: each[0])
    share = formatted(score, "percent")
    return (
        f"Of {_many(len(rows), 'feature')}, {text(name)} adds the most: "
        f"it explains {share} of what an average rate leaves unexplained.{_weak(rows)}{_pooled(rows)}"
    )


def _weak(rows: Sequence[FeatureDocument]) -> str:
    names = [text(row.name) for row in rows if row.is_weak]
    return f" Alone, {', '.join(names)} may be chance; all of them together are not." if names else ""


def _pooled(rows: Sequence[FeatureDocument]) -> str:
    names = [text(row.name) for row in rows if row.siblings]
    return f" What other entities have in common, the factors of {', '.join(names)} shrink to." if names else ""


def _interactions(report: Report) -> str:
    rows = report.interactions
    sets = _many(len(rows), "set of features says", "sets of features say") if rows else "No features say"
    return f"{sets} more together than apart."


def _rejected(report: Report) -> str:
    rows = report.rejected
    return f"{_many(len(rows), 'column')} left out, each with its reason." if rows else "No column was left out."


def _segments(report: Report) -> str:
    part = report.segments
    if part is None or part.total is None:
        return "No segment table was built."
    trusted = part.tiers.get("high")
    tiers = f", {count(trusted)} of them on 100 outcomes or more" if trusted is not None else ""
    none = f"; on {count(part.no_bid)} it advises no bid" if part.no_bid is not None else ""
    return f"The table has {_many(part.total, 'row')}{tiers}{none}."


def _joint(report: Report) -> str:
    losses = report.joint.losses
    known = [(row.keys, row.gain, row.master_gain) for row in losses if None not in (row.gain, row.master_gain)]
    if not known:
        return "No joint table was made to compare with."
    number, gain, master_gain = known[-1]
    joint, master = (formatted(each, "percent") for each in (gain, master_gain))
    verb = "more" if (gain or 0.0) > (master_gain or 0.0) else "no more"
    keys = f"{formatted(number, 'count')} keys given"
    return f"With {keys}, a joint table explains {verb} than the segment table: {joint} against {master}."


def _holdout(report: Report) -> str:
    gain = report.holdout.gain if report.holdout else None
    if gain is None:
        return "The run was not evaluated on a hold-out."
    if gain <= 0:
        return "On logs it had not seen, the table is no better than one average rate."
    return f"On logs it had not seen, the table explains {formatted(gain, 'percent')} of what an average rate does not."


def _replay(report: Report) -> str:
    policies = {policy.name: policy.outcomes_per_spend for policy in report.replay.policies}
    ours = policies.get("this run")
    for name, words in (("active run", "those of the active run"), ("all ones", "bids left as they are")):
        theirs = policies.get(name)
        if ours is not None and theirs is not None and theirs > 0:
            more = ours / theirs - 1
            share = f"{formatted(abs(more), 'percent')} {'more' if more >= 0 else 'fewer'}"
            return f"A unit of spend would buy {share} outcomes by this run's bids than by {words}."
    return "No bids were replayed."


def _realized(report: Report) -> str:
    part = report.realized
    if part is None or not part.days:
        return "No whole day has been counted on which a table of the active configuration was live."
    said = f"Bids follow the table: {text(part.following)}. " if part.following else ""
    if part.realized_over_predicted is not None:
        share = formatted(part.realized_over_predicted, "percent")
        said += f"The treated requests brought {share} of what was predicted of them. "
    return f"{said}{text('; '.join(part.reasons)).capitalize()}."


def _changes(report: Report) -> str:
    part = report.changes
    if not part.against:
        return "There is no active run to compare with."
    counts = {"appeared": part.appeared, "vanished": part.vanished, "moved": part.moved}
    listed = ", ".join(f"{count(number)} {name}" for name, number in counts.items() if number is not None)
    payers = [f"{text(each.feature)}={text(each.value)}" for each in report.groups if each.pays]
    paid = (
        f" The total gains, and {', '.join(payers)} {'pays' if len(payers) == 1 else 'pay'} for it." if payers else ""
    )
    return f"Against {text(part.against)}: {listed or 'nothing was counted'}.{paid}"


def _ad_macros(report: Report) -> str:
    formats = report.ad_macros.formats
    able = sum(bool(each.combo) for each in formats.values())
    if not formats:
        return "No ad macros were mapped."
    proved = {name: trip.hit_rate for name, trip in report.round_trip.items() if trip.hit_rate is not None}
    best = max(proved, key=lambda name: proved[name], default=None)
    hits = (
        f"; {text(best)} finds the right rows for {formatted(proved[best], 'percent')} of the exposures" if best else ""
    )
    return f"{count(able)} of {_many(len(formats), 'format')} can address segments{hits}."


def _exports(report: Report) -> str:
    rows = [(row.mean_error, row.platform) for row in report.exports if row.mean_error is not None]
    if not rows:
        return "The table was exported to no platform's own format."
    largest, platform = max(rows, key=lambda each: each[0])
    error = formatted(largest, "percent")
    return f"{_many(len(rows), 'export')}; bids differ most in {text(platform)}: by {error} on average."


def _outputs(report: Report) -> str:
    rows = report.outputs
    size = sum(row.byte_size for row in rows if row.byte_size is not None)
    return f"{_many(len(rows), 'object')}, {formatted(size, 'bytes')} in all." if rows else "No outputs were recorded."


def _config(report: Report) -> str:
    part = report.config
    if not part.values:
        return "The configuration was not recorded."
    default, active = len(part.changed_from_default), len(part.changed_from_active)
    return f"{_many(default, 'key')} set otherwise than by default, {count(active)} otherwise than in the active run."


_SENTENCES: dict[str, Callable[[Report], str]] = {
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
    "realized": _realized,
    "changes": _changes,
    "ad_macros": _ad_macros,
    "exports": _exports,
    "outputs": _outputs,
    "config": _config,
}
