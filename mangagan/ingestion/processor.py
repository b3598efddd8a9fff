"""Run the work of `ingest` on images and pairs of pages in parallel, and cache the results."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial

from mangagan.core.cache import NO_CACHE, Cache
from mangagan.core.cached_map import get_result, map_cached
from mangagan.core.code import code_hash
from mangagan.core.keys import describe_libraries, make_key
from mangagan.core.machine import THREADS, MachineParams
from mangagan.core.packing import pack
from mangagan.ingestion.drafts import Draft
from mangagan.ingestion.images import Image, examine_source
from mangagan.ingestion.layout import Plan, make_pages, weigh_plan
from mangagan.ingestion.page_comparison import Match
from mangagan.ingestion.params import IngestParams
from mangagan.ingestion.retakes import Compare
from mangagan.readers.sources import MAX_MEMORY, Source, weigh_source

LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "pillow-heif", "pillow-jxl-plugin", "pypdfium2")
NO_SOURCE = Source("", "")
TRANSIENT_PREFIX = "cannot be"  # of reasons that the disk or the memory causes, not the file


@dataclass(frozen=True)
class Processor:
    """Workers, and the results of earlier runs.

    Attributes:
        cache: Results of earlier runs. Default: none.
        machine: The section `machine` of params.yaml. Default: a thread for each core.
    """

    cache: Cache = field(default=NO_CACHE)
    machine: MachineParams = THREADS

    @cached_property
    def code(self) -> tuple[str, str]:
        """Return the hash of the code and the versions of the libraries."""
        return code_hash("mangagan.ingestion.processor"), describe_libraries(*LIBRARIES)

    def examine(self, sources: Iterable[tuple[Source, str]], settings: IngestParams) -> Iterator[Image]:
        """Yield the measurements of each image, without its source.

        Args:
            sources: Image, and SHA-256 of its data ("" without data).
            settings: The section `ingest` of params.yaml.
        """
        common_key = self.describe(settings)
        return map_cached(
            partial(examine_without_source, settings),
            sources,
            self.cache,
            key=lambda item: make_key("image", common_key, item[1], item[0].reason),
            kind=Image,
            load=lambda item: item[0],
            weigh=weigh_source,
            max_weight=MAX_MEMORY,
            machine=self.machine,
            is_cacheable=lambda image: image.draft is None or not image.draft.reason.startswith(TRANSIENT_PREFIX),
        )

    def make_pages(
        self, plans: Iterable[Plan], load: Callable[[Plan], Plan], settings: IngestParams
    ) -> Iterator[list[Draft]]:
        """Yield the pages of each plan.

        Args:
            plans: Plans without the encoded images.
            load: Return a plan with the encoded images.
            settings: The section `ingest` of params.yaml.
        """
        common_key = self.describe(settings)
        return map_cached(
            partial(make_pages, settings=settings),
            plans,
            self.cache,
            key=lambda plan: make_key("pages", common_key, describe_plan(plan)),
            kind=list[Draft],
            load=load,
            weigh=weigh_plan,
            max_weight=MAX_MEMORY,
            machine=self.machine,
        )

    def cache_matches(self, ids: Sequence[str]) -> Callable[[Compare], Compare]:
        """Return a decorator that caches the comparison of two pages.

        Args:
            ids: `page_id` of each page.
        """

        def decorate(compare: Compare) -> Compare:
            def compare_or_find(first: int, second: int) -> Match:
                key = make_key("match", *self.code, ids[first], ids[second])
                match = get_result(self.cache, key, Match)
                if match is None:
                    match = compare(first, second)
                    self.cache.put(key, pack(match))
                return match

            return compare_or_find

        return decorate

    def describe(self, settings: IngestParams) -> str:
        """Return the code, the libraries and the settings that results depend on."""
        return f"{self.code} {asdict(replace(settings, screenshots='-'))}"


def examine_without_source(settings: IngestParams, source: Source) -> Image:
    """Return the measurements of an image without its source, which can be large."""
    return replace(examine_source(source, settings), source=NO_SOURCE)


def describe_plan(plan: Plan) -> str:
    """Return what the pages of a plan depend on."""
    images = [
        (image.digest, image.width, image.height, image.is_stored, image.source.right_to_left) for image in plan.images
    ]
    return f"{images} {plan.box} {plan.page_aspect}"
