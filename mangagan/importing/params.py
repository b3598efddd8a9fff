"""Parameters of the stage `import_faces`."""

from dataclasses import dataclass

from mangagan.importing.groups import compile_rule

ASPECTS = ("crop", "pad")


@dataclass(frozen=True)
class ImportParams:
    """The section `import_faces` of params.yaml.

    Attributes:
        aspect: Making a picture square: crop (use the centre square) or pad (mirror the picture at its long edges).
        gates: True: drop pictures that fail the quality gates of the section `normalize`.
        group: Pictures that the hold-out split keeps together: none (each picture may be separated from all others),
            folder (those of one folder), or a regular expression for the path below the title. Its first group
            in parentheses names the group.

    Raises:
        ValueError: A value is unknown, or not a regular expression with a group.
    """

    aspect: str = "crop"
    gates: bool = False
    group: str = "none"

    def __post_init__(self) -> None:
        if self.aspect not in ASPECTS:
            raise ValueError(f"aspect must be {' or '.join(ASPECTS)}, not {self.aspect}")
        compile_rule(self.group)
