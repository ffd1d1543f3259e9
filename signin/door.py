"""The sign-in routes: by password, by a one-time link, or by the clinic's own sign-in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from records.access import accounts, links, passwords, sessions
from records.access.accounts import Account, WrongPassword
from records.database import Database
from records.errors import InvalidRecord, RecordError
from signin import cookies, screens
from signin.delays import Tries
from signin.form import Form, NotTaken, read_form
from signin.oidc import Provider, Refused
from signin.onward import onward
from signin.screens import AGAIN, NAME, NEW_NAME, PASSWORD, Field

AT_ONCE = 4  # password checks at the same time, each of which takes 46 MiB
OTHER_SITE = "This form was open for too long, or came from another page. Try again."
UNEQUAL = "The two passwords differ."

Work = Callable[[Request, Form], Response]


@dataclass(frozen=True)
class Door:
    """What the routes need: the records, the clinic's own sign-in if there is one, the logos.

    `behind_proxy` says whether a reverse proxy was declared, whose word for a visitor's address
    counts.

    `patience` is in seconds, for a whole form to arrive.
    """

    database: Callable[[], Database]
    provider: Callable[[], Provider | None]
    logos: Mapping[str, str]
    font: str
    behind_proxy: Callable[[], bool] = lambda: False
    tries: Tries = field(default_factory=Tries)
    patience: float = 5.0
    limiter: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(AT_ONCE))


def routes(door: Door) -> list[Route]:
    """All that stands open under /signin."""
    own = [
        _page(door, "/signin", show=sign_in_form, take=sign_in),
        _page(door, "/signin/first", show=first_form, take=make_first),
        _page(door, "/signin/password", show=password_form, take=set_password),
        Route("/signin/own", partial(go_to_provider, door)),
        Route("/signin/own/back", partial(come_back, door), name="come_back"),
        Route("/signin/page.css", partial(_style, door)),
    ]
    logos = [Route(f"/signin/{name}", partial(_file, path)) for name, path in door.logos.items()]
    # A mistyped address would else show the app's own page, which waits for a session in vain.
    lost = Route("/signin/{rest:path}", _to_sign_in)
    return [*own, *logos, lost]


def sign_in_form(door: Door, request: Request, form: Form) -> Response:
    """The form, or where to go from here."""
    database = door.database()
    if not accounts.exist(database):
        return screens.page(request, "Welcome", _first_steps())
    gone = ""
    if token := cookies.token(request.scope):
        try:
            sessions.find(database, token)
            return RedirectResponse(onward(form.get("next", "")), status_code=303)
        except sessions.SignedOut as reason:
            gone = str(reason)
    response = _sign_in_page(door, request, form, {}, said=gone)
    if gone:
        cookies.forget(response, request.scope)
    return response


def sign_in(door: Door, request: Request, form: Form) -> Response:
    """Looks at name and password, later and later after failed tries."""
    name = form.get("name", "").strip()
    tried = accounts.key_of(name), _address(door, request)
    if wait := door.tries.wait(*tried):
        response = _sign_in_page(door, request, form, {}, said=_later(wait), status=429)
        response.headers["Retry-After"] = str(round(wait) + 1)
        return response
    # Counted before the password is looked at: tries at the same moment count too.
    door.tries.failed(*tried)
    database = door.database()
    try:
        account = accounts.verify(database, name=name, password=form.get("password", ""))
        response = _let_in(door, request, account, form)
    except WrongPassword as error:
        return _sign_in_page(door, request, form, {"password": str(error)}, status=401)
    except sessions.Disabled as error:
        return _sign_in_page(door, request, form, {}, said=str(error), status=403)
    door.tries.succeeded(*tried)
    return response


def first_form(door: Door, request: Request, form: Form) -> Response:
    """For the first administrator, with the console's link."""
    if accounts.exist(door.database()):
        return RedirectResponse("/signin", status_code=303)
    try:
        links.whose(door.database(), form.get("token", ""))
    except links.LinkUsed:
        return screens.page(request, "Welcome", _first_steps(), status=410)
    return _new_password_page(
        request,
        "Create the first account",
        (NEW_NAME, _new(), AGAIN),
        "/signin/first",
        form,
        said="You will be administrator and clinician. You can add colleagues afterwards.",
    )


def make_first(door: Door, request: Request, form: Form) -> Response:
    """Makes the first administrator and signs them in."""
    try:
        _equal(form)
        account = links.make_first_admin(
            door.database(),
            token=form.get("token", ""),
            name=form.get("name", ""),
            password=form.get("password", ""),
        )
    except InvalidRecord as error:
        fields = (NEW_NAME, _new(), AGAIN)
        title = "Create the first account"
        return _new_password_page(request, title, fields, "/signin/first", form, error.fields)
    except links.LinkUsed:
        return first_form(door, request, form)
    return _let_in(door, request, account, {})


def password_form(door: Door, request: Request, form: Form) -> Response:
    """For whoever has a one-time link."""
    account = links.whose(door.database(), form.get("token", ""))
    if account is None:
        raise links.LinkUsed
    title = f"Choose a password for {account.name}"
    return _new_password_page(request, title, (_new(), AGAIN), "/signin/password", form)


def set_password(door: Door, request: Request, form: Form) -> Response:
    """Sets the password by a one-time link and signs the person in."""
    try:
        _equal(form)
        account = links.set_password(
            door.database(), token=form.get("token", ""), password=form.get("password", "")
        )
    except InvalidRecord as error:
        fields, action = (_new(), AGAIN), "/signin/password"
        return _new_password_page(request, "Choose a password", fields, action, form, error.fields)
    return _let_in(door, request, account, {})


async def go_to_provider(door: Door, request: Request) -> Response:
    """Leads to the clinic's own sign-in."""
    request.state.form_secret = cookies.form_secret(request.scope)
    provider = door.provider()
    if provider is None:
        return RedirectResponse("/signin", status_code=303)
    try:
        return await provider.begin(request, next_page=request.query_params.get("next", ""))
    except Refused as error:
        return _sorry(request, str(error), status=502)


async def come_back(door: Door, request: Request) -> Response:
    """Takes who comes back from there, and starts the same session as a password would."""
    request.state.form_secret = cookies.form_secret(request.scope)
    provider = door.provider()
    if provider is None:
        return RedirectResponse("/signin", status_code=303)

    def let_in() -> Response:
        account = accounts.vouched_for(
            door.database(),
            issuer=person.issuer,
            subject=person.subject,
            name=person.name,
            roles=person.roles,
        )
        return _let_in(door, request, account, {"next": person.next_page}, from_elsewhere=True)

    try:
        person = await provider.finish(request)
        return await to_thread.run_sync(let_in, limiter=door.limiter)
    except (Refused, RecordError) as error:
        return _sorry(request, str(error), status=403)


def _let_in(
    door: Door, request: Request, account: Account, form: Form, *, from_elsewhere: bool = False
) -> Response:
    token = sessions.start(
        door.database(), account_id=account.id, instead_of=cookies.token(request.scope)
    )
    target = onward(form.get("next", ""))
    response: Response
    if from_elsewhere:
        # A redirect would still count as coming from the other site, and the browser would keep
        # the cookie back; a page of ours that leads on does not.
        link = '<p><a href="/">Go on to DermTrace</a></p>'
        response = screens.page(request, "Signed in", link, onward=target)
    else:
        response = RedirectResponse(target, status_code=303)
    cookies.keep(response, request.scope, token)
    return response


def _page(
    door: Door,
    path: str,
    *,
    show: Callable[[Door, Request, Form], Response],
    take: Callable[[Door, Request, Form], Response],
) -> Route:
    async def endpoint(request: Request) -> Response:
        request.state.form_secret = cookies.form_secret(request.scope)
        form = dict(request.query_params)
        work = partial(show, door, request)
        if request.method == "POST":
            try:
                form = await read_form(request, patience=door.patience)
            except NotTaken as error:
                return _sorry(request, str(error), status=error.status)
            if not cookies.form_is_ours(request.scope, form.pop("form", "")):
                return _sorry(request, OTHER_SITE, status=403)
            work = partial(take, door, request)
        try:
            return await to_thread.run_sync(work, form, limiter=door.limiter)
        except links.LinkUsed as error:
            return _sorry(request, str(error), status=410)
        except RecordError as error:
            return _sorry(request, str(error), status=503)

    return Route(path, endpoint, methods=["GET", "POST"])


def _sign_in_page(
    door: Door,
    request: Request,
    form: Form,
    problems: Form,
    *,
    said: str = "",
    status: int = 200,
) -> Response:
    values = {"name": form.get("name", "")[:200], "next": onward(form.get("next", ""))}
    parts = [screens.note(said)] if said else []
    parts.append(
        screens.form(
            request,
            (NAME, PASSWORD),
            action="/signin",
            button="Sign in",
            values=values,
            problems=problems,
        )
    )
    if provider := door.provider():
        parts.append(screens.other_way(provider.label, values["next"]))
    return screens.page(request, "Sign in", "\n".join(parts), status=status)


def _new_password_page(
    request: Request,
    title: str,
    fields: tuple[Field, ...],
    action: str,
    form: Form,
    problems: Form | None = None,
    *,
    said: str = "",
) -> Response:
    values = {"token": form.get("token", "")}
    if any(one.name == "name" for one in fields):
        values["name"] = form.get("name", "")[:200]
    body = screens.form(
        request,
        fields,
        action=action,
        button="Save and sign in",
        values=values,
        problems=problems or {},
    )
    lead = f"<p>{said}</p>\n" if said else ""
    return screens.page(request, title, lead + body, status=422 if problems else 200)


def _sorry(request: Request, sentence: str, *, status: int) -> Response:
    link = '<p><a class="button second" href="/signin">Go to the sign-in page</a></p>'
    return screens.page(request, "This did not work", screens.note(sentence) + link, status=status)


def _first_steps() -> str:
    return (
        "<p>This DermTrace has no accounts yet.</p>"
        "<p>The console where it was started shows a link that can be used once. Open it to create"
        " the first account.</p>"
        "<p>No link in sight? Stop DermTrace and start it again, or run this on the server, in the"
        " program's folder: <code>python -m records create-admin</code></p>"
    )


def _later(seconds: float) -> str:
    whole = round(seconds) + 1
    time = f"{whole} seconds" if whole < 90 else f"{round(whole / 60)} minutes"
    return f"Too many failed tries. Try again in {time}."


def _new() -> Field:
    return Field("password", "New password", hint=passwords.RULE)


def _equal(form: Form) -> None:
    if form.get("password") != form.get("again"):
        raise InvalidRecord({"again": UNEQUAL})


def _address(door: Door, request: Request) -> str:
    """Whose failed tries are counted together.

    Uvicorn puts what X-Forwarded-For says in the place of the address for whoever connects from
    this machine. Where no proxy was declared, that is anybody's word and one visitor's for all.
    """
    if "x-forwarded-for" in request.headers and not door.behind_proxy():
        return "forwarded"
    return request.client.host if request.client else ""


async def _to_sign_in(request: Request) -> Response:
    return RedirectResponse("/signin", status_code=303)


async def _style(door: Door, request: Request) -> Response:
    return Response(screens.style(door.font), media_type="text/css")


async def _file(path: str, request: Request) -> Response:
    return FileResponse(path)
