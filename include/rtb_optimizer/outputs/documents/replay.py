"""The replay of policies on the hold-out by the logged prices."""

from rtb_optimizer.outputs.documents.document import Document, Number


class BoughtDocument(Document):
    """What a policy's bids would have bought with the budget of the replay, and how it differs from equal bids."""

    name: str = ""
    outcomes: Number | None = None
    change: Number | None = None


class SecondPriceDocument(Document):
    """Policies replayed by the logged bids and second prices; `abstains` is why none is."""

    abstains: str = ""
    budget_share: Number | None = None
    policies: tuple[BoughtDocument, ...] = ()
