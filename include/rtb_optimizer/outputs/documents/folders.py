"""What wait_for_logs hands over: how the folders of the logs are cut."""

from rtb_optimizer.outputs.documents.document import Document


class FoldersDocument(Document):
    """The time zone at whose midnights the folders are cut, as their rows show it."""

    timezone: str
