"""Who may see the page: the user who has the token, from the page itself, under its own name."""

import hmac
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse

__all__ = ["HEADERS", "Guard"]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With 'no-referrer' browsers would send the Origin of a form as null.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_NO_TOKEN = "This page is only for the user of the DPU. Open the link that `awe dpu start` prints."
_NO_HOST = "This page is not served under that name."
_NO_ORIGIN = "Only this page itself may do that."


class Guard:
    """An ASGI application around another one that refuses strangers.

    Parameters
    ----------
    app : callable
        The application.
    token : str
        What a request must bring: once in the link, from then on in a cookie.
    port : int
        Where the page is served on 127.0.0.1.
    """

    def __init__(self, app, token, port):
        self.app = app
        self._token = token.encode()
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        # Cookies know no ports: the pages of two DPUs must not overwrite each other's.
        self._cookie = f"awe_dpu_{port}"

    async def __call__(self, scope, receive, send):
        """Answer a request, or let the application answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(Request(scope)) or self.app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, request):
        """Give the answer to a request that is not let through, else None."""
        if request.headers.getlist("host") not in [[host] for host in self._hosts]:
            return PlainTextResponse(_NO_HOST, 403)
        reads = request.method in ("GET", "HEAD")
        if reads and "token" in request.query_params:
            return self._first_use(request)
        if not self._is_ours(request.cookies.get(self._cookie, "")):
            return PlainTextResponse(_NO_TOKEN, 401)
        host = request.headers["host"]
        if not reads and request.headers.getlist("origin") != [f"http://{host}"]:
            return PlainTextResponse(_NO_ORIGIN, 403)
        return None

    def _first_use(self, request):
        """Move the token from the link into a cookie."""
        if not self._is_ours(request.query_params["token"]):
            return PlainTextResponse(_NO_TOKEN, 401)
        rest = [(k, v) for k, v in parse_qsl(request.url.query) if k != "token"]
        # A path that begins with two slashes would lead to another host.
        path = "/" + request.url.path.lstrip("/")
        answer = RedirectResponse(path + (f"?{urlencode(rest)}" if rest else ""), 303)
        token = self._token.decode()
        answer.set_cookie(self._cookie, token, httponly=True, samesite="strict", path="/")
        return answer

    def _is_ours(self, token):
        return hmac.compare_digest(token.encode(), self._token)
