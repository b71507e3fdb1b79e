"""Guesses which column of a log of events has which role, and whether a log holds impressions and events in one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rtb_optimizer.core.config.column_facts import ColumnFacts, has_word, money_score
from rtb_optimizer.core.config.event_logs import OUTCOMES, WINS, EventRole
from rtb_optimizer.core.config.likely_money import NO_MONEY, LikelyMoney, MoneyFacts, likely_cost
from rtb_optimizer.core.config.likely_roles import PERSON, best, id_score, likely_time
from rtb_optimizer.core.selection.denied_names import words

MANY_SHARE = 0.2
"""The id of a row may be that of several events, each of them repeated."""
_KINDS = ("type", "event", "kind", "action", "activity", "name")
_SHOWN = ("impression", "imp", "view", "render", "served", "win")
"""Kinds of lines that are rows, the likeliest first: a log may tell that an impression was won, and then shown."""
_HAPPENED = ("click", "conv", "install", "purchas", "sale", "lead", "complet", "viewab")
"""Words of kinds that are outcomes, the likeliest first."""


@dataclass(frozen=True, slots=True)
class MixedKinds:
    """A column that says what each line of a log is: the kinds that are rows, their likeliest outcome, and others."""

    column: str
    rows: tuple[str, ...]
    outcomes: tuple[str, ...]
    others: tuple[str, ...] = ()


def mixed_kinds(facts: Sequence[ColumnFacts]) -> MixedKinds | None:
    """Return the column that tells impressions from clicks in one log; None where no column holds both."""
    for each in facts:
        if not has_word(each.name, *_KINDS) or each.values > len(each.examples) or each.mean is not None:
            continue
        happened = {word: tuple(k for k in each.examples if word in k.lower()) for word in _HAPPENED}
        left = [kind for kind in each.examples if not any(kind in kinds for kinds in happened.values())]
        shown = [tuple(k for k in left if has_word(k, word)) for word in _SHOWN]
        rows, outcomes = next(filter(None, shown), ()), next(filter(None, happened.values()), ())
        if rows and outcomes:
            others = tuple(kind for kind in each.examples if kind not in {*rows, *outcomes})
            return MixedKinds(each.name, rows, outcomes, others)
    return None


def likely_event_roles(
    facts: Sequence[ColumnFacts], ids: Collection[str], role: EventRole = OUTCOMES, money: MoneyFacts = NO_MONEY
) -> Mapping[str, str]:
    """Return the likely roles of the columns of a log of events, by config key.

    Args:
        facts: The columns.
        ids: The columns that hold the id of a row, in the log of the rows.
        role: What the events are to the rows.
        money: What the columns of money say together.
    """
    roles = dict[str, str]()
    if identifier := best(facts, lambda each: _same_id(each, ids)):
        roles[role.id_key] = identifier.name
    if time := likely_time(facts):
        roles[role.time_key] = time.name
    others = [each for each in facts if each.name not in roles.values()]
    roles |= _of_outcomes(others) if role == OUTCOMES else {role.amount_of: likely_win_cost(others, money).column}
    return {key: name for key, name in roles.items() if name}


def likely_win_cost(facts: Sequence[ColumnFacts], money: MoneyFacts) -> LikelyMoney:
    """Return the likely column of what a win cost; prices of many digits are often as many as the wins."""
    return likely_cost(WINS.amount_of, facts, money, any_values=True)


def _of_outcomes(facts: Sequence[ColumnFacts]) -> dict[str, str]:
    roles = dict[str, str]()
    of_kind = [each for each in facts if has_word(each.name, *_KINDS[:-1])]
    few = [each for each in of_kind if 1 < each.values <= len(each.examples) and each.mean is None]
    if few:
        roles["outcome_logs_kind_column"] = few[0].name
    if value := best(facts, lambda each: money_score(each, "revenue", "value", "amount", "payout", "price")):
        roles["outcome_logs_value_column"] = value.name
    return roles


def _same_id(each: ColumnFacts, ids: Collection[str]) -> float:
    """Return how much a column of events looks like the id of a row: by its name, then by its many values."""
    if each.is_time or each.values <= 1 or has_word(each.name, *PERSON):
        return 0
    alike = max((len({*words(each.name)} & {*words(name)}) for name in ids), default=0)
    many = each.values >= MANY_SHARE * each.rows
    return 10 * (each.name in ids) + 2 * alike + id_score(each) if each.name in ids or many else 0


def counted_kinds(kinds: Sequence[str]) -> Mapping[str, float]:
    """Return the kinds of events that are outcomes, with a weight: what is no bid, win or impression."""
    before = {"bid", "win", "impression", "imp", "request", "auction", "render", "load", "start"}
    return {kind: 1 for kind in kinds if not before & {*words(kind), kind.lower()}}
