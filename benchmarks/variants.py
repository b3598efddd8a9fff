"""Variants that are compared: the recipes, ablations of a recipe, and recipes with settings from the command line."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from mangagan.core.errors import UserError
from mangagan.gan.config import TrainConfig
from mangagan.gan.recipes import RECIPES, Recipe

BASELINE, CANDIDATE = "classic", "modern"
# Settings that are changed together; every other setting is a group of its own.
SETTING_GROUPS = {
    "augment": ("augment", "augment_p", "augment_target"),
    "latent": ("z_dim", "latent"),
    "penalty": ("r1", "r2"),
    "adam": ("learning_rate_g", "learning_rate_d", "beta1", "beta2"),
}
# Settings that have no effect without another setting; ablations do not change them.
DEPENDENT_SETTINGS = ("augment_kimg", "penalty_every", "ema_ramp")


@dataclass(frozen=True)
class Variant:
    """A recipe with changed settings.

    Attributes:
        name: Name in tables and file names.
        recipe: A key of `RECIPES`.
        changes: Settings that differ from the recipe.
    """

    name: str
    recipe: str
    changes: dict[str, Any] = field(default_factory=dict)


def list_setting_groups() -> dict[str, tuple[str, ...]]:
    """Return the settings of each group; an ablation gives all settings of a group the values of the baseline."""
    grouped = {*DEPENDENT_SETTINGS, *(name for names in SETTING_GROUPS.values() for name in names)}
    return SETTING_GROUPS | {each.name: (each.name,) for each in fields(Recipe) if each.name not in grouped}


def make_ablations(recipe: str = CANDIDATE, baseline: str = BASELINE) -> list[Variant]:
    """Return one variant per setting group in which the recipe and the baseline differ."""
    changed_settings, baseline_settings = vars(RECIPES[recipe]), vars(RECIPES[baseline])
    variants = []
    for group, names in list_setting_groups().items():
        changes = {name: baseline_settings[name] for name in names if baseline_settings[name] != changed_settings[name]}
        if changes:
            variants.append(Variant(f"{recipe}-no-{group}", recipe, changes))
    return variants


def parse_variant(text: str, recipe: str = CANDIDATE) -> Variant:
    """Return a recipe with the settings of a text such as `r1=10,flip=random`.

    Raises:
        UserError: A setting is unknown, or its value is not allowed.
    """
    changes: dict[str, Any] = {}
    for pair in text.split(","):
        name, sign, value = pair.partition("=")
        if not sign or name not in vars(RECIPES[recipe]):
            raise UserError(f"--try {text}: unknown setting {name}. Choose from {', '.join(vars(RECIPES[recipe]))}")
        changes[name] = parse_value(value)
    variant = Variant(f"{recipe}-{text}", recipe, changes)
    make_config(variant)
    return variant


def parse_value(value: str) -> Any:
    """Return a number or truth value in JSON notation as such, anything else as text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def list_variants(recipes: Iterable[str], leave_one_out: bool, tries: Iterable[str]) -> list[Variant]:
    """Return the variants of a comparison in the order of the table.

    Args:
        recipes: Recipes without changes.
        leave_one_out: Add the ablations.
        tries: Texts for `parse_variant`.
    """
    variants = [Variant(recipe, recipe) for recipe in recipes]
    return variants + (make_ablations() if leave_one_out else []) + [parse_variant(text) for text in tries]


def make_config(variant: Variant, **others: Any) -> TrainConfig:
    """Return the training configuration of a variant.

    Args:
        variant: The variant.
        others: Further settings, for example the seed.

    Raises:
        UserError: A value is out of range.
    """
    try:
        return TrainConfig(**{"recipe": variant.recipe, **variant.changes, **others})
    except (ValueError, TypeError) as error:
        raise UserError(f"{variant.name}: {error}") from None
