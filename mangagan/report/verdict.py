"""The verdict in words, and the rules it comes from."""

from collections.abc import Collection, Mapping
from typing import Any

from mangagan.report.markup import escape, figure_of, look_up, table
from mangagan.report.words import describe

KEY = "evaluate.verdict"
# Word → sign, colour (a class of the page), and what it says.
SAYINGS = {
    "good": ("✓", "fine", "Close to real faces, varied, and not copied."),
    "undertrained": ("↻", "warn", "The samples do not look like real faces yet."),
    "collapsed": ("≡", "bad", "The generator draws few different faces."),
    "overfitting": ("!", "warn", "The samples are nearer to the training faces than to faces it never saw."),
    "copying": ("⧉", "bad", "Samples repeat training faces."),
    "unsure": ("?", "calm", "The figures do not settle it."),
}
# Parts of a rule's key → words.
PARTS = {
    "position": "way to the nearest spoilt faces",
    "ratio": "multiple of real faces",
    "ct": "copying test (z)",
    "copied": "share copied",
}


def banner(values: Mapping[str, Any]) -> str:
    """The verdict with its advice; nothing where the evaluation holds none."""
    word = look_up(values, f"{KEY}.word")
    if word is None:
        return ""
    sign, colour, saying = SAYINGS.get(word, SAYINGS["unsure"])
    return (
        f'<div class="banner {colour}" role="region" aria-label="Verdict"><span class="sign" aria-hidden="true">{sign}'
        f'</span><div><p class="word">{figure_of(values, f"{KEY}.word")}</p><p>{escape(saying)}</p>'
        f'<p class="advice">{figure_of(values, f"{KEY}.advice")}</p></div></div>'
    )


def rules(values: Mapping[str, Any], anchors: Collection[str]) -> str:
    """Every rule with its outcome, those that fired first.

    Args:
        values: the report's sources.
        anchors: metrics that the page has a card of.
    """
    listed = look_up(values, f"{KEY}.because") or []
    order = sorted(range(len(listed)), key=lambda index: not listed[index]["fired"])
    rows = [rule_row(values, index, anchors) for index in order]
    fired = sum(bool(rule["fired"]) for rule in listed)
    told = "No rule fired." if not fired else "The first rule that fired gives the word."
    rule_table = table(["rule", "outcome"], rows, right=False, kind="rules")
    return f'<p class="soft">{told}</p>{rule_table}' if listed else ""


def rule_row(values: Mapping[str, Any], index: int, anchors: Collection[str]) -> list[str]:
    """One rule's cells."""
    key = f"{KEY}.because.{index}"
    rule = look_up(values, key)
    outcome = '<strong class="fired">● fired</strong>' if rule["fired"] else "<span>○ not fired</span>"
    if rule["value"] is None:
        outcome = "<span>– no figure</span>"
    side = {True: "above ", False: "below ", None: "at "}[rule.get("above")]
    return [
        figure_of(values, f"{key}.rule") + source(values, key, anchors),
        f'{outcome}<div class="soft">{figure_of(values, f"{key}.value")}, fires {side}'
        f"{figure_of(values, f'{key}.limit')}</div>",
    ]


def source(values: Mapping[str, Any], key: str, anchors: Collection[str]) -> str:
    """Which word a rule stands for, and which metric it looks at."""
    word = figure_of(values, f"{key}.word") if look_up(values, f"{key}.word") else ""
    metric, *parts = str(look_up(values, f"{key}.key")).split(".")
    name = escape(describe(metric).name.lower())
    named = f'<a href="#metric-{escape(metric)}">{name}</a>' if metric in anchors else name
    about = ", ".join(escape(PARTS.get(part, part.replace("_", " "))) for part in parts if part not in ("*", "value"))
    return f'<div class="soft">{word}{": " if word else ""}{named}{f", {about}" if about else ""}</div>'
