"""How do raw columns become codes of canonical values?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rtb_optimizer.core.sample import Feature
from rtb_optimizer.core.settings import Settings
from rtb_optimizer.core.values import canonical

if TYPE_CHECKING:
    import pyarrow as pa


def encode(column: "pa.ChunkedArray", name: str, settings: Settings) -> Feature:
    """Return a raw column as codes of its canonical values, in sorted order.

    Every value has a code of its own: shrinkage deals with rare ones. Lumping them together here would put most
    values that were seen with an outcome only into one pot, since the sample has few other rows of them, and so leak
    the outcome.
    """
    # Chunk by chunk, with one dictionary for all: put together first, the texts would be copied.
    chunks = column.dictionary_encode(null_encoding="encode").chunks
    if not chunks:
        return Feature(np.zeros(0, dtype=np.intp), ())
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in chunks])
    return Feature.named(codes, spelled(chunks[0].dictionary.to_pylist(), name, settings))


def spelled(raw: Sequence[object], name: str, settings: Settings) -> list[str]:
    """Return the canonical spelling of each raw value of a feature."""
    missing = frozenset(value.lower() for value in settings.missing_values)
    is_host = name in settings.host_features
    return [canonical(_text(value), missing, is_host=is_host) for value in raw]


def _text(raw: object) -> object:
    """Return a value as SQL would print it; text written without a string annotation comes as bytes."""
    if isinstance(raw, bytes):
        return raw.decode(errors="replace")
    return str(raw).lower() if isinstance(raw, bool) else raw
