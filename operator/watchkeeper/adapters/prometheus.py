"""`ports.metrics.MetricsSource` on a Prometheus server, through the synchronous `prometheus-api-client`.

Each query runs in a daemon thread of its own, at most `threads` at a time: a server that drips its answer byte by byte can
hold a thread for ever (a time-out of `requests` is about the pause between bytes), and a pool of `concurrent.futures`
would then hold up the end of the process.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Mapping
from typing import Any

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException

from watchkeeper.adapters.boundedsession import BoundedSession
from watchkeeper.errors import Transient
from watchkeeper.ports.metrics import Sample

MAX_SERIES = 50_000
MAX_TEXT = 300


class PrometheusMetrics:
    """Instant queries with a deadline; nothing is tried again here.

    Args:
        url: `http(s)://host:port` with or without a path.
        deadline_seconds: for a whole query, waiting for a thread included.
        threads: queries at the same time.
    """

    def __init__(self, url: str, *, deadline_seconds: float = 5.0, threads: int = 2) -> None:
        self._url = url.rstrip("/")
        self._deadline = deadline_seconds
        self._slots = asyncio.Semaphore(threads)
        self._client = PrometheusConnect(self._url, retry=0, session=BoundedSession())

    async def query(self, expression: str) -> tuple[Sample, ...]:
        """See the port."""
        try:
            async with asyncio.timeout(self._deadline):
                await self._slots.acquire()
                raw = await self._in_thread(expression)
        except TimeoutError as error:
            raise self._problem(f"no answer in {self._deadline:g} s") from error
        except PrometheusApiClientException as error:
            raise self._problem(str(error)) from error
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise self._problem(f"{type(error).__name__}: {error}") from error
        return self._samples(raw)

    async def close(self) -> None:
        """Close idle connections; a query under way ends by itself."""
        self._client.close()

    def _in_thread(self, expression: str) -> asyncio.Future[Any]:
        """Run one query; its slot is free again when the thread ends, not when the caller has given up."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def settle(result: Any, error: Exception | None) -> None:
            self._slots.release()
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)

        def work() -> None:
            result, failure = None, None
            try:
                result = self._client.custom_query(expression, timeout=self._deadline)
            except Exception as error:  # noqa: BLE001  # it is raised in the loop
                failure = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, failure)

        threading.Thread(target=work, name="prometheus-query", daemon=True).start()
        return answer

    def _samples(self, raw: Any) -> tuple[Sample, ...]:
        try:
            return _parsed(raw)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise self._problem(f"the answer is no instant vector: {error}") from error

    def _problem(self, text: str) -> Transient:
        return Transient(f"Prometheus at {self._url}: {text[:MAX_TEXT]}", reason="MetricsUnreadable")


def _parsed(raw: Any) -> tuple[Sample, ...]:
    if not isinstance(raw, list):
        raise TypeError("it holds no list")
    if len(raw) > MAX_SERIES:
        raise ValueError(f"{len(raw)} series are more than {MAX_SERIES}")
    if len(raw) == 2 and not isinstance(raw[0], Mapping):  # a scalar: [time, "value"]
        raw = [{"metric": {}, "value": raw}]
    samples = (_sample(one) for one in raw)
    return tuple(sample for sample in samples if not math.isnan(sample.value))


def _sample(one: Mapping[str, Any]) -> Sample:
    time, value = one["value"]
    return Sample(labels={str(key): str(text) for key, text in one["metric"].items()}, value=float(value), time=time)
