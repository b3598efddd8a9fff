"""The Jinja environment of the report and of the comparison of runs."""

from functools import cache
from pathlib import Path

from jinja2 import Template

from mangagan.core.templates import make_environment
from mangagan.report.values import format_number

TEMPLATES = Path(__file__).with_name("templates")


@cache
def load_template(name: str) -> Template:
    """Return a template. Undefined names are errors; text is escaped unless it is Markup."""
    environment = make_environment(TEMPLATES)
    environment.filters["number"] = format_number
    return environment.get_template(name)
