"""One who is signed in and asks over HTTP, with whatever path: what a browser would not send too."""

import http.client
import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

TOKEN = re.compile(
    r'name="csrfmiddlewaretoken" value="([^"]+)"|"X-CSRFToken": "([^"]+)"|csrf[^>]*content="([^"]+)"'
)


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]


class Visitor:
    def __init__(self, served, role="admin"):
        self._place = urlsplit(served.url)
        self._cookies = {"vigie_session": served.sessions[role]}
        self._origin = served.url

    def get(self, path, **headers):
        return self._ask("GET", path, None, headers)

    def post(self, path, fields=None, *, htmx=True, **headers):
        if "csrftoken" not in self._cookies:
            self._cookies["csrftoken"] = "a" * 32
        body = urlencode(fields or {})
        own = {"X-CSRFToken": self._cookies["csrftoken"], "Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, body, own | ({"HX-Request": "true"} if htmx else {}) | headers)

    def _ask(self, method, path, body, headers):
        connection = http.client.HTTPConnection(self._place.hostname, self._place.port, timeout=30)
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        try:
            connection.putrequest(method, path)
            for name, value in {"Cookie": cookie, "Origin": self._origin, **headers}.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body.encode() if body is not None else None)
            response = connection.getresponse()
            return Answer(response.status, response.read().decode(), dict(response.getheaders()))
        finally:
            connection.close()
