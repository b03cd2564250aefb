"""Who is let in, how much may be asked, and what every answer tells the browser."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest, new
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any, Final

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE: Final = "mtl_serve"
SHORTEST_TOKEN: Final = 16
OPEN_TO_ALL: Final = ("/login", "/login.js", "/page.css")
"""What is shown to those who have yet to say the token."""

_LONGEST_ADDRESS: Final = 8192
_LARGEST_BODY: Final = 4096
_METHODS: Final = ("GET", "HEAD")

# Charts set styles of elements; no script but ours, nothing from elsewhere, in nobody's frame.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and no other."""
    name = host.strip("[]")
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name.lower() == "localhost"


@dataclass(frozen=True, slots=True)
class Pass:
    """The token that lets in; nobody is kept out if it is empty.

    ``repr`` does not show it.
    """

    token: str = ""

    def __repr__(self) -> str:
        return f"Pass({'…' if self.token else ''})"

    def is_right(self, token: str) -> bool:
        """Whether this is the token; as slow for what is nearly right as for what is not."""
        return compare_digest(self.token.encode(), token.encode("utf-8", "replace"))

    @property
    def cookie(self) -> str:
        """What a browser keeps: it lets in, and does not tell the token."""
        return new(self.token.encode(), b"mtl serve", sha256).hexdigest()

    def lets_in(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a request brings the token in its header ``Authorization``, or the cookie."""
        if not self.token:
            return True
        kind, _, said = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if kind.lower() == "bearer" and self.is_right(said.strip()):
            return True
        try:
            kept = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(COOKIE)
        except CookieError:
            return False
        return kept is not None and compare_digest(
            kept.value.encode("latin-1", "replace"), self.cookie.encode()
        )


class Gatekeeper:
    """Refuses what is too much or not allowed before the application sees it, and sets the headers of all answers."""

    def __init__(self, application: Application, pass_: Pass) -> None:
        self._application = application
        self._pass = pass_

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._application(scope, receive, send)
            return

        async def headed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                set_ = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *_HEADERS,
                    *([] if b"cache-control" in set_ else [(b"cache-control", b"no-store")]),
                ]
            await send(message)

        headers = dict(scope["headers"])
        refusal = self._refusal(scope, headers)
        if refusal is None:
            await self._application(scope, _limited(receive), headed)
            return
        await _answer(headed, *refusal)

    def _refusal(
        self, scope: Scope, headers: dict[bytes, bytes]
    ) -> tuple[int, str, list[tuple[bytes, bytes]]] | None:
        path = scope["path"]
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _LONGEST_ADDRESS:
            return 414, "the address is too long", []
        if scope["method"] not in _METHODS and not (scope["method"] == "POST" and path == "/login"):
            return 405, "there is nothing to be changed here", [(b"allow", b"GET, HEAD")]
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 9 or int(length) > _LARGEST_BODY:
            return 413, "a request holds next to nothing", []
        # A page elsewhere may let its own name mean this machine; it cannot let it be called localhost.
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._pass.token and not is_loopback(_without_port(host)):
            return 421, "this server answers to localhost alone", []
        if path in OPEN_TO_ALL or self._pass.lets_in(headers):
            return None
        if b"text/html" in headers.get(b"accept", b"") and not path.startswith("/api/"):
            return 303, "say the token first", [(b"location", b"/login")]
        return 401, "say the token: Authorization: Bearer TOKEN", [(b"www-authenticate", b"Bearer")]


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _limited(receive: Receive) -> Receive:
    """Give no more of a body than is allowed, whatever its header says."""
    left = _LARGEST_BODY

    async def some() -> MutableMapping[str, Any]:
        nonlocal left
        message = await receive()
        body = message.get("body", b"")
        left -= len(body)
        if left < 0:
            return {"type": "http.disconnect"}
        return message

    return some


async def _answer(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]]) -> None:
    content = text.encode()
    told = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*told, *headers]})
    await send({"type": "http.response.body", "body": content})
