"""Encodes raw columns as codes of canonical values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.sample.sample import Feature, Mask
from rtb_optimizer.core.sample.values import PLAIN, WHOLE_FLOAT, canonical

if TYPE_CHECKING:
    import pyarrow as pa


def encode(column: "pa.ChunkedArray", name: str, settings: Settings) -> Feature:
    """Return a raw column as codes of its canonical values, in sorted order.

    Every value has a code of its own: shrinkage handles rare ones. Pooling them here would put most values that occur
    with an outcome only into one code, since the sample has few other rows of them, and so leak the outcome.
    """
    # Chunk by chunk, with one dictionary for all: combining chunks first would copy the texts.
    chunks = column.dictionary_encode(null_encoding="encode").chunks
    if not chunks:
        return Feature(np.zeros(0, dtype=np.intp), ())
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in chunks])
    raw = chunks[0].dictionary
    names = raw.to_pylist()
    others = np.flatnonzero(~_is_plain(raw, name, settings)).tolist()
    for n, value in zip(others, canonicalise([names[n] for n in others], name, settings), strict=True):
        names[n] = value
    return Feature.named(codes, names)


def _is_plain(raw: "pa.Array", name: str, settings: Settings) -> Mask:
    """Return which raw values are plain texts, as most of a column with many are: one vectorised test for all."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(raw.type) or name in settings.host_features:
        return np.zeros(len(raw), dtype=bool)
    missing = pa.array({value.lower() for value in settings.missing_values}, raw.type)
    plain = pc.and_not(pc.match_substring_regex(raw, PLAIN), pc.match_substring_regex(raw, WHOLE_FLOAT))
    plain = pc.and_not(plain, pc.is_in(pc.ascii_lower(raw), missing))
    return np.asarray(plain.fill_null(False).to_numpy(zero_copy_only=False))


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
