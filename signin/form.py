"""A form as somebody without a session sends it: short, and not waited for long."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import anyio
from starlette.requests import ClientDisconnect, Request

LONGEST = 16_384  # bytes

Form = Mapping[str, str]


class NotTaken(Exception):
    """A form was not read to its end; `status` is HTTP's, the text is for the person."""

    def __init__(self, sentence: str, *, status: int) -> None:
        super().__init__(sentence)
        self.status = status


async def read_form(request: Request, *, patience: float) -> dict[str, str]:
    """The fields of a form; NotTaken if it is too long or takes more than `patience` seconds.

    A length that is announced is believed: what is too long is refused before any of it is read.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 9 or int(announced) > LONGEST:
        raise _too_long()
    body = b""
    try:
        with anyio.fail_after(patience):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LONGEST:
                    raise _too_long()
    except (TimeoutError, ClientDisconnect) as error:
        sentence = "This form took too long to arrive. Check the connection, then try again."
        raise NotTaken(sentence, status=408) from error
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _too_long() -> NotTaken:
    return NotTaken("This form is too long.", status=413)
