"""What select_features found files of JSON lines to hold, for build_segments: to find it is half of rewriting a file.

It is known of the bytes that were read: of a file whose etag is another, it says nothing.
"""

from collections.abc import Iterator, Mapping, Sequence

from rtb_optimizer.engines.protocol import JsonColumns
from rtb_optimizer.logs.partitions import LogFile, Partition
from rtb_optimizer.outputs.documents.logs import FoundColumnsDocument, FoundInFileDocument
from rtb_optimizer.store.objects import split_url

FOUND = "found_columns.json"
"""The part of select_features with these."""


def found_columns(partitions: Sequence[Partition], found: Mapping[str, JsonColumns]) -> FoundColumnsDocument:
    """Return what files were found to hold, by URL, bound to what they were; most files hold the same columns."""
    place: dict[tuple[tuple[str, ...], ...], int] = {}
    files = []
    for url, file in _files(partitions):
        if url in found:
            names = tuple(tuple(each) for each in found[url].values)
            number = place.setdefault(names, len(place))
            lines = {"bad_lines": found[url].bad_lines, "first_bad": found[url].first_bad}
            files.append(FoundInFileDocument(url=url, etag=file.etag, columns=number, **lines))
    return FoundColumnsDocument(columns=tuple(place), files=tuple(files))


def as_found(partitions: Sequence[Partition], body: bytes) -> dict[str, JsonColumns]:
    """Return what files were found to hold, by URL, of those that are what they were."""
    document, now = FoundColumnsDocument.read_exactly(body), {url: file.etag for url, file in _files(partitions)}
    return {
        each.url: JsonColumns(document.columns[each.columns], each.bad_lines, each.first_bad)
        for each in document.files
        if now.get(each.url) == each.etag
    }


def _files(partitions: Sequence[Partition]) -> Iterator[tuple[str, LogFile]]:
    for partition in partitions:
        bucket = split_url(partition.url)[0]
        yield from ((f"s3://{bucket}/{file.key}", file) for file in partition.files)
