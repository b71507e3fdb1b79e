"""A document as its readers see it."""


def as_json(document):
    """The JSON object that a document is written as, as Python's own types."""
    return document.model_dump(mode="json", exclude_unset=True)
