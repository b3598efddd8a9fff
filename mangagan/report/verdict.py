"""The verdict and its rules, prepared for the report."""

from collections.abc import Collection
from dataclasses import dataclass

from markupsafe import Markup

from mangagan.report.values import Sources, look_up, show_value
from mangagan.report.words import describe

KEY = "evaluate.verdict"
# Parts of the key of a rule → text.
KEY_PARTS = {
    "position": "distance relative to ruined faces",
    "ratio": "multiple of real faces",
    "ct": "copying test (z)",
    "copied": "share copied",
    "real_rated_higher": "share of pairs in which the real face is rated higher",
    "broken_share": "equivalent share of broken faces",
}


@dataclass(frozen=True)
class Banner:
    """The appearance of a verdict: sign, colour (a class in style.css) and meaning."""

    sign: str
    colour: str
    meaning: str


BANNERS = {
    "good": Banner("✓", "fine", "The samples are close to real faces, varied, and not copied."),
    "recognisable": Banner("~", "warn", "The samples look like faces, but many are flawed. Look at the typical ones."),
    "undertrained": Banner("↻", "warn", "The samples do not look like real faces yet."),
    "collapsed": Banner("≡", "bad", "Mode collapse: the generator draws few different faces."),
    "overfitting": Banner("!", "warn", "The samples are closer to the training faces than to hold-out faces."),
    "copying": Banner("⧉", "bad", "The generator has memorised training faces."),
    "unsure": Banner("?", "calm", "The metrics allow no conclusion."),
}


@dataclass(frozen=True)
class RuleRow:
    """A rule with its outcome. `word` and `anchor` (of the card of the metric) are empty if there is none."""

    text: Markup
    word: Markup
    metric: str
    anchor: str
    details: str  # part of the metric that the rule uses
    outcome: str  # fired, not fired or no value
    value: Markup
    side: str  # of the limit on which the rule fires
    limit: Markup
    exception: Markup  # why it does not fire beyond its limit; else empty


def list_rules(sources: Sources, metrics: Collection[str]) -> list[RuleRow]:
    """Return every rule, those that fired first.

    Args:
        sources: Sources of the report.
        metrics: Metrics that have a card on the page.
    """
    rules = look_up(sources, f"{KEY}.because") or []
    order = sorted(range(len(rules)), key=lambda index: not rules[index]["fired"])
    return [describe_rule(sources, f"{KEY}.because.{index}", metrics) for index in order]


def describe_rule(sources: Sources, key: str, metrics: Collection[str]) -> RuleRow:
    """Return the row of the rule with this key."""
    rule = look_up(sources, key)
    metric, *parts = str(rule["key"]).split(".")
    details = [KEY_PARTS.get(part, part.replace("_", " ")) for part in parts if part not in ("*", "value")]
    return RuleRow(
        text=show_value(sources, f"{key}.rule"),
        word=show_value(sources, f"{key}.word") if rule.get("word") else Markup(),
        metric=describe(metric).title.lower(),
        anchor=f"metric-{metric}" if metric in metrics else "",
        details=", ".join(details),
        outcome="no value" if rule["value"] is None else "fired" if rule["fired"] else "not fired",
        value=show_value(sources, f"{key}.value"),
        side={True: "above", False: "below", None: "at"}[rule.get("above")],
        limit=show_value(sources, f"{key}.limit"),
        exception=show_value(sources, f"{key}.exception") if rule.get("exception") else Markup(),
    )
