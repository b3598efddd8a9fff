"""What is compared: the recipes as they are, one with each of its tricks left out, and others that a person names."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from mangagan.core.errors import UserError
from mangagan.gan.config import TrainConfig
from mangagan.gan.recipes import RECIPES, Recipe

BASELINE, OURS = "classic", "modern"
# Tricks that are made up of several settings; every other setting is a trick by itself.
TRICKS = {
    "augment": ("augment", "augment_p", "augment_target"),
    "latent": ("z_dim", "latent"),
    "penalty": ("r1", "r2"),
    "adam": ("learning_rate_g", "learning_rate_d", "beta1", "beta2"),
}
# How a trick works: without the trick it has no effect, and with it it stays.
DETAILS = ("augment_kimg", "penalty_every", "ema_ramp")


@dataclass(frozen=True)
class Variant:
    """A recipe with some settings changed.

    Attributes:
        name: for people, and in file names.
        recipe: a row of `RECIPES`.
        changes: settings that differ from the recipe's.
    """

    name: str
    recipe: str
    changes: dict[str, Any] = field(default_factory=dict)


def tricks() -> dict[str, tuple[str, ...]]:
    """The settings of each trick; it is left out by giving them the baseline's values."""
    grouped = {*DETAILS, *(name for names in TRICKS.values() for name in names)}
    return TRICKS | {each.name: (each.name,) for each in fields(Recipe) if each.name not in grouped}


def left_out(recipe: str = OURS, baseline: str = BASELINE) -> list[Variant]:
    """A recipe with each of the tricks left out that it does not share with the baseline."""
    ours, theirs = vars(RECIPES[recipe]), vars(RECIPES[baseline])
    variants = []
    for trick, names in tricks().items():
        changes = {name: theirs[name] for name in names if theirs[name] != ours[name]}
        if changes:
            variants.append(Variant(f"{recipe}-no-{trick}", recipe, changes))
    return variants


def named(text: str, recipe: str = OURS) -> Variant:
    """The recipe with settings as a person writes them: `r1=10,flip=random`.

    Raises:
        UserError: an unknown setting, or a value that it cannot have.
    """
    changes: dict[str, Any] = {}
    for pair in text.split(","):
        name, sign, value = pair.partition("=")
        if not sign or name not in vars(RECIPES[recipe]):
            raise UserError(f"--try {text}: {name} is none of {', '.join(vars(RECIPES[recipe]))}")
        changes[name] = parsed(value)
    variant = Variant(f"{recipe}-{text}", recipe, changes)
    config(variant)
    return variant


def parsed(value: str) -> Any:
    """A number or truth value as JSON writes them, else the text itself."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def chosen(recipes: Iterable[str], leave_one_out: bool, tries: Iterable[str]) -> list[Variant]:
    """All variants that the command line asks for, in the order of the table."""
    variants = [Variant(recipe, recipe) for recipe in recipes]
    return variants + (left_out() if leave_one_out else []) + [named(text) for text in tries]


def config(variant: Variant, **others: Any) -> TrainConfig:
    """The configuration of a variant, with what the sweep sets.

    Raises:
        UserError: a value is out of range.
    """
    try:
        return TrainConfig(**{"recipe": variant.recipe, **variant.changes, **others})
    except (ValueError, TypeError) as error:
        raise UserError(f"{variant.name}: {error}") from None
