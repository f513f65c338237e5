"""What the server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client import generate_latest as _text

from .cache import Cache
from .pool import Pool

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Measures:
    """Counters of one server."""

    def __init__(self, pool: Pool, cache: Cache) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "chromaedge_requests", "Requests answered.", ("endpoint", "status"),
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "chromaedge_request_seconds", "From a request's arrival to its answer.",
            ("endpoint",), registry=self.registry, buckets=_SECONDS,
        )  # fmt: skip
        self._stages = Histogram(
            "chromaedge_stage_seconds", "Work on a picture, by stage.",
            ("model", "stage"), registry=self.registry, buckets=_SECONDS,
        )  # fmt: skip
        self._lookups = Counter(
            "chromaedge_cache_lookups", "Results looked up.", ("result",), registry=self.registry
        )
        for name, text, value in (
            ("places_taken", "Requests that are worked on or wait.", lambda: pool.taken),
            ("places", "Requests that may be worked on or wait.", lambda: pool.places),
            ("workers_bytes", "Bytes of memory that the workers have.", lambda: pool.bytes),
            ("cache_bytes", "Bytes of results kept.", lambda: cache.used),
            ("cache_limit_bytes", "Bytes of results that may be kept.", lambda: cache.limit),
        ):
            gauge = Gauge(f"chromaedge_{name}", text, registry=self.registry)
            gauge.set_function(value)

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def worked(self, model: str, stages: Mapping[str, float]) -> None:
        """Count the stages of a picture."""
        for stage, seconds in stages.items():
            self._stages.labels(model, stage).observe(seconds)

    def looked_up(self, hit: bool) -> None:
        """Count a look into the cache."""
        self._lookups.labels("hit" if hit else "miss").inc()

    def text(self) -> bytes:
        """In Prometheus' format."""
        return _text(self.registry)
