"""The sign-in pages as HTML: small, without script, in the app's look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse

from signin import cookies

HERE = Path(__file__).parent
# Stricter than the app's own: these pages run no script at all.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Field:
    """One line of a form; `kind` and `complete` are HTML's type and autocomplete."""

    name: str
    label: str
    kind: str = "password"
    complete: str = "new-password"
    hint: str = ""


NAME = Field("name", "Name", "text", "username")
NEW_NAME = Field("name", "Your name", "text", "username", "You sign in with it; colleagues see it.")
PASSWORD = Field("password", "Password", complete="current-password")
AGAIN = Field("again", "Password again")


def form(
    request: Request,
    fields: Sequence[Field],
    *,
    action: str,
    button: str,
    values: Mapping[str, str],
    problems: Mapping[str, str],
) -> str:
    """A form as HTML, with the hidden values that bring it back here and nowhere else.

    `values` fills fields of its names in and adds all others unseen; passwords never come back.
    """
    shown = {field.name for field in fields}
    hidden = {name: value for name, value in values.items() if name not in shown}
    hidden["form"] = request.state.form_secret
    lines = [f'<form method="post" action="{escape(action)}">']
    lines += [
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in hidden.items()
    ]
    first = next((f.name for f in fields if f.name in problems), fields[0].name)
    lines += [
        _field(
            field,
            value="" if field.kind == "password" else values.get(field.name, ""),
            problem=problems.get(field.name, ""),
            focus=field.name == first,
        )
        for field in fields
    ]
    return "\n".join([*lines, f'<button type="submit">{escape(button)}</button>', "</form>"])


def other_way(label: str, next_page: str) -> str:
    """A button that leads to the clinic's own sign-in."""
    address = escape(f"/signin/own?next={quote(next_page, safe='')}")
    return f'<p class="or">or</p><a class="button second" href="{address}">{escape(label)}</a>'


def note(*sentences: str) -> str:
    """A message in a box, one paragraph for each sentence."""
    lines = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return f'<div class="note" role="status">{lines}</div>'


def page(
    request: Request, title: str, body: str, *, status: int = 200, onward: str = ""
) -> HTMLResponse:
    """A whole page; `onward` is an address to go on to at once."""
    lead = f'<meta http-equiv="refresh" content="0; url={escape(onward)}">\n' if onward else ""
    text = _template().substitute(title=escape(title), body=body, head=lead)
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    response = HTMLResponse(text, status_code=status, headers=headers)
    cookies.keep_form_secret(response, request.scope, request.state.form_secret)
    return response


def style(font: str) -> str:
    """The pages' style sheet, with the address of the app's own typeface."""
    return Template((HERE / "page.css").read_text("utf-8")).substitute(font=font)


@cache
def _template() -> Template:
    return Template((HERE / "page.html").read_text("utf-8"))


def _field(field: Field, *, value: str, problem: str, focus: bool) -> str:
    name = escape(field.name)
    given = f' value="{escape(value)}"' if value else ""
    focused = " autofocus" if focus else ""
    wrong = ' aria-invalid="true"' if problem else ""
    told = f' aria-describedby="{name}-told"' if problem or field.hint else ""
    what, text = ("problem", problem) if problem else ("hint", field.hint)
    below = f'<p class="{what}" id="{name}-told">{escape(text)}</p>' if text else ""
    return (
        f'<div class="field"><label for="{name}">{escape(field.label)}</label>'
        f'<input id="{name}" name="{name}" type="{field.kind}" autocomplete="{field.complete}"'
        f' autocapitalize="none" spellcheck="false" required maxlength="200"'
        f"{given}{wrong}{told}{focused}>{below}</div>"
    )
