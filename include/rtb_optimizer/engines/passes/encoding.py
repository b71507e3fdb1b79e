"""Encodes raw columns as codes of canonical values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.sample.sample import Feature, Ints, Mask
from rtb_optimizer.core.sample.values import PLAIN, WHOLE_FLOAT, canonical

if TYPE_CHECKING:
    import pyarrow as pa


def encode(column: "pa.ChunkedArray", name: str, settings: Settings) -> Feature:
    """Return a raw column as codes of its canonical values, in sorted order.

    Every value has a code of its own: shrinkage handles rare ones. Pooling them here would put most values that occur
    with an outcome only into one code, since the sample has few other rows of them, and so leak the outcome.
    """
    import pyarrow as pa

    # Chunk by chunk, with one dictionary for all: combining chunks first would copy the texts.
    chunks = column.dictionary_encode(null_encoding="encode").chunks
    if not chunks:
        return Feature(np.zeros(0, dtype=np.intp), ())
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in chunks])
    raw = chunks[0].dictionary
    spelled, is_plain = _plain(raw, name, settings)
    if not is_plain.all():
        names, others = spelled.to_pylist(), np.flatnonzero(~is_plain)
        canon = canonicalise(raw.take(others).to_pylist(), name, settings)
        for n, value in zip(others.tolist(), canon, strict=True):
            names[n] = value
        spelled = pa.array(names, pa.large_string())
    return _in_order(codes, spelled)


def _in_order(codes: Ints, names: "pa.Array") -> Feature:
    """Return the same as `Feature.named`: Arrow sorts texts by their bytes, which is the order of their characters."""
    import pyarrow.compute as pc

    distinct = names.dictionary_encode()
    order = pc.sort_indices(distinct.dictionary)
    place = np.empty(len(order), dtype=np.intp)
    place[order.to_numpy()] = np.arange(len(order))
    recode = place.take(distinct.indices.to_numpy())
    return Feature(recode.take(codes), tuple(distinct.dictionary.take(order).to_pylist()))


def _plain(raw: "pa.Array", name: str, settings: Settings) -> tuple["pa.Array", Mask]:
    """Return raw values, those that are plain texts in their canonical form, and which these are.

    Most values of a column with many are plain: one vectorised test does for all. Hosts are plain in lower case, whole
    numbers as their digits.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(raw.type):
        raw = raw.cast(pa.string())
    if not pa.types.is_string(raw.type):
        return raw, np.zeros(len(raw), dtype=bool)
    if is_host := name in settings.host_features:
        raw = pc.ascii_lower(raw)
    missing = pa.array({value.lower() for value in settings.missing_values}, raw.type)
    plain = pc.and_not(pc.match_substring_regex(raw, PLAIN), pc.match_substring_regex(raw, WHOLE_FLOAT))
    plain = pc.and_not(plain, pc.is_in(pc.ascii_lower(raw), missing))
    if is_host:
        plain = pc.and_not(plain, pc.ends_with(raw, "."))
    return raw, np.asarray(plain.fill_null(False).to_numpy(zero_copy_only=False))


def canonicalise(raw: Sequence[object], name: str, settings: Settings) -> list[str]:
    """Return the canonical form of each raw value of a feature."""
    missing = frozenset(value.lower() for value in settings.missing_values)
    is_host = name in settings.host_features
    return [canonical(_text(value), missing, is_host=is_host) for value in raw]


def _text(raw: object) -> object:
    """Return a value as SQL would print it; text written without a string annotation comes as bytes."""
    if isinstance(raw, bytes):
        return raw.decode(errors="replace")
    return str(raw).lower() if isinstance(raw, bool) else raw
