"""Conditions that every test runs under."""

import signal

# A shell starts its background jobs with interrupts ignored, and children inherit that: the tests that interrupt one
# would wait in vain.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
