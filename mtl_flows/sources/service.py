"""A web service that is asked politely: not too often, again where it was busy, and never for more than fits."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import urlsplit

import requests

from mtl_flows import __version__
from mtl_flows.errors import SourceError

BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHUNK = 2**16
_SHOWN = 300

Query = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Manners:
    """How a service is asked.

    Attributes
    ----------
    interval_s
        Least time between two requests.
    timeout_s
        Silence after which an answer is given up.
    attempts, backoff_s
        How often to ask for the same thing, and how long to wait after the first failure; twice as long after each
        further one, and longer where the service says so.
    longest_wait_s
        Longest of these waits.
    largest_answer_bytes
        More is not read.
    """

    interval_s: float = 0.5
    timeout_s: float = 60.0
    attempts: int = 6
    backoff_s: float = 1.0
    longest_wait_s: float = 120.0
    largest_answer_bytes: int = 2**28


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Service:
    """A session with a service.

    Attributes
    ----------
    name
        What messages call it.
    """

    name: str
    manners: Manners = field(default_factory=Manners)
    _last: float = field(default=float("-inf"), init=False, repr=False)

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"mtl_flows/{__version__}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, url: str, query: Query | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the body of an answer.

        Raises
        ------
        SourceError
            If the service refuses, stays busy, cannot be reached, or answers with too much.
        """
        return self.ask("GET", url, params=query, headers=headers).body

    def get_json(self, url: str, query: Query | None = None) -> dict[str, Any]:
        """Return an answer in JSON.

        Raises
        ------
        SourceError
            Also if it is something else.
        """
        body = self.get(url, query, {"Accept": "application/vnd.api+json, application/json"})
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self.error(f"the answer is no JSON object: {_shown(body)}", url)
        return found

    def ask(self, method: str, url: str, **arguments: Any) -> Answer:
        """Send a request, again while the service is busy; arguments are those of `requests`."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise self.error("no address of the web", url)
        wait_s, said = self.manners.backoff_s, ""
        for attempt in range(self.manners.attempts):
            if attempt:
                time.sleep(min(wait_s, self.manners.longest_wait_s))
                wait_s *= 2
            try:
                answer = self._send(method, url, arguments)
            except (
                requests.ConnectionError,
                requests.Timeout,
                requests.exceptions.ChunkedEncodingError,
            ) as error:
                said = type(error).__name__
                continue
            except requests.RequestException as error:
                raise self.error(f"cannot be asked: {type(error).__name__}", url) from None
            if answer.status in BUSY:
                said = f"status {answer.status}"
                wait_s = max(wait_s, _retry_after_s(answer))
                continue
            if answer.status >= 400:
                raise self.error(f"status {answer.status}: {_shown(answer.body)}", url)
            return answer
        raise self.error(
            f"no answer in {self.manners.attempts} attempts ({said})",
            url,
            "run the same command later: it goes on",
        )

    def error(self, message: str, url: str, remedy: str = "check the address and the query") -> SourceError:
        """Error of this service; of the address what is no query is told, since queries may hold keys."""
        return SourceError(message, subject=f"{self.name} ({url.partition('?')[0]})", remedy=remedy)

    def _send(self, method: str, url: str, arguments: Mapping[str, Any]) -> Answer:
        time.sleep(max(0.0, self._last + self.manners.interval_s - time.monotonic()))
        try:
            with self._session.request(
                method, url, timeout=self.manners.timeout_s, stream=True, **arguments
            ) as response:
                body = bytearray()
                for chunk in response.iter_content(_CHUNK):
                    body += chunk
                    if len(body) > self.manners.largest_answer_bytes:
                        most = self.manners.largest_answer_bytes
                        raise self.error(f"more than {most} bytes in one answer", url)
                return Answer(response.status_code, response.headers, bytes(body))
        finally:
            self._last = time.monotonic()


def _retry_after_s(answer: Answer) -> float:
    told = answer.headers.get("Retry-After", "")
    return float(told) if told.isdecimal() else 0.0


def _shown(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"
