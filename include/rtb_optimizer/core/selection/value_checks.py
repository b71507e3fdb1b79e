"""Warns of features with unreadable values, and of anchors that carry no information; neither stops a run."""

from collections.abc import Iterator, Sequence

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.sample.values import MAX_VALUE_BYTES, OTHER, UNEXPANDED
from rtb_optimizer.core.selection.rejection import screen

UNREADABLE = {
    UNEXPANDED: ("unexpanded_macro", "an unexpanded macro", "have the ad server expand it before the row is logged"),
    OTHER: (
        "value_too_long",
        f"a value of more than {MAX_VALUE_BYTES} bytes, or {OTHER!r} itself",
        "log an id instead",
    ),
}
MAX_UNREADABLE_SHARE = 0.01
"""Of the exposures; some bot or test page is in any log."""
ANCHOR_WORDS = {
    "constant": "has a single value: it carries no information",
    "near_unique": "has a distinct value in most rows: no factor can be estimated",
    "mostly_missing": "has no value in most rows",
}


def value_warnings(sample: Sample, anchors: Sequence[str], max_missing_share: float) -> tuple[RunWarning, ...]:
    """Return the warnings about the features of a sample, the anchors in configured order."""
    return (*_unreadable(sample), *_uninformative_anchors(sample, anchors, max_missing_share))


def _unreadable(sample: Sample) -> Iterator[RunWarning]:
    exposure = float(sample.exposure.sum())
    for name, feature in sorted(sample.features.items()):
        for value, (code, what, fix) in UNREADABLE.items():
            rows = feature.codes == feature.values.index(value) if value in feature.values else None
            share = 0.0 if rows is None else float((sample.exposure * rows).sum()) / exposure
            if share > MAX_UNREADABLE_SHARE:
                message = f"{share:.1%} of the exposures hold {what} in {name!r}, which is never a segment; {fix}"
                yield RunWarning(code, message, share=share)


def _uninformative_anchors(sample: Sample, anchors: Sequence[str], max_missing_share: float) -> Iterator[RunWarning]:
    for name in anchors:
        reason = screen(sample.features[name], len(sample.exposure), max_missing_share)
        if reason is not None:
            message = f"anchor {name!r} {ANCHOR_WORDS[reason]}; remove it from anchor_features, or fix the column"
            yield RunWarning(f"anchor_{reason}", message)
