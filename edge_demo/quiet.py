"""Keep what C libraries print away from the user."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

# The standard error is the whole process's: two that swap it at once would lose it.
_ALONE = threading.RLock()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what C libraries print out of the user's sight; an exception carries it as a note."""
    with _ALONE, tempfile.TemporaryFile() as log:
        sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        except Exception as error:
            log.seek(0)
            error.add_note(log.read().decode(errors="replace")[-4000:])
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
