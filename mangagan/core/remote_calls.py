"""Calls in another process: the function and the item as bytes, and back the result or the error.

The function is pickled by reference: both processes need the same code.
"""

import contextlib
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from functools import cache
from typing import Any

from mangagan.core.errors import UserError


def encode_call(function: Callable[[Any], Any], item: Any) -> bytes:
    """Pickle a call."""
    return pickle.dumps((function, item), pickle.HIGHEST_PROTOCOL)


def run_call(call: bytes) -> bytes:
    """Run a pickled call in a worker process. Return the pickled result, or the pickled error."""
    prepare_worker()
    try:
        function, item = pickle.loads(call)
        limit_loaded_torch()  # the module of the function may have imported it
        return pickle.dumps((function(item), None), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        return encode_error(error)


def encode_error(error: Exception) -> bytes:
    """Pickle an error as the outcome of a call."""
    return pickle.dumps((None, make_picklable(error)), pickle.HIGHEST_PROTOCOL)


def decode_outcome(outcome: bytes) -> Any:
    """Return the result of `run_call`, or raise its error."""
    result, error = pickle.loads(outcome)
    if error is not None:
        raise error
    return result


def make_picklable(error: Exception) -> Exception:
    """Return an error that the caller can unpickle, with the traceback of the worker as a note.

    An exception that has other arguments than its message cannot be unpickled; it becomes a RuntimeError.
    """
    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(Exception):
        copy = pickle.loads(pickle.dumps(error))
        if type(copy) is type(error) and str(copy) == str(error):
            if not isinstance(copy, UserError):
                copy.add_note(f"Traceback of the worker process:\n{text}")
            return copy
    replacement = RuntimeError(f"{type(error).__name__}: {error}")
    replacement.add_note(f"Traceback of the worker process:\n{text}")
    return replacement


@cache
def prepare_worker() -> None:
    """Set up the libraries of a worker process as in the entry points of the stages, so that results are equal.

    The variables limit torch to one thread without importing it: only some functions need it, and it takes seconds.
    """
    from mangagan.core.libraries import configure_libraries, limit_opencv_to_one_thread

    configure_libraries()
    limit_opencv_to_one_thread()
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", NVIDIA_TF32_OVERRIDE="0")
    limit_loaded_torch()


def limit_loaded_torch() -> None:
    """Limit torch to one thread if it was imported."""
    if "torch" in sys.modules:
        from mangagan.core.libraries import limit_to_one_thread

        limit_to_one_thread()
