"""The `pooled` output: what factors shrink to, as other entities' tables have it in common. It names none of them."""

from collections.abc import Mapping

from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.model.pooling import Centre, PooledFeature
from rtb_optimizer.outputs.documents.document import Document


class PooledFeatureDocument(Document):
    """What `siblings` entities have in common on a feature.

    `between` and `spread` are the variances of log factors between entities and between values; `factors` has each
    value's factor and precision, the inverse of the variance of its log in one more entity.
    """

    siblings: int
    between: float
    spread: float
    factors: Mapping[str, tuple[float, float]]


class PooledDocument(Document):
    """What entities have in common, by scale of their factors and by feature; `unread` entities had to be left out."""

    by_link: Mapping[Link, Mapping[str, PooledFeatureDocument]] = {}
    unread: int = 0

    @classmethod
    def of(cls, pooled: Mapping[Link, Mapping[str, PooledFeature]], unread: int = 0) -> "PooledDocument":
        """Return the document of what was pooled on each scale."""
        by_link = {link: {name: _written(each) for name, each in of.items()} for link, of in pooled.items()}
        return cls(by_link=by_link, unread=unread) if unread else cls(by_link=by_link)

    def features(self, link: Link) -> dict[str, PooledFeature]:
        """Return what was pooled on a scale, by feature."""
        return {name: _read(each) for name, each in self.by_link.get(link, {}).items()}

    @property
    def rows(self) -> int:
        """How many values it has a factor of."""
        return sum(len(each.factors) for features in self.by_link.values() for each in features.values())


NO_SIBLINGS = PooledDocument()


def _written(feature: PooledFeature) -> PooledFeatureDocument:
    factors = {value: (of.factor, of.precision) for value, of in sorted(feature.centres.items())}
    return PooledFeatureDocument(
        siblings=feature.siblings, between=feature.between, spread=feature.spread, factors=factors
    )


def _read(document: PooledFeatureDocument) -> PooledFeature:
    centres = {value: Centre(*of) for value, of in document.factors.items()}
    return PooledFeature(document.siblings, document.between, document.spread, centres)
