"""The pages of the DPU: their addresses, and what answers them."""

from pathlib import Path

import jinja2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from awe.base.errors import AweError, AweLookupError
from awe.base.version import __version__
from awe.dpu.control import DpuHome
from awe.dpu.processor import Processor
from awe.services.jobs_shown import clock, failures_of, job_shown, jobs_shown, units_shown
from awe.services.live import stream, tail_of
from awe.services.products_shown import picture_of, product_shown

__all__ = ["Pages"]

_HERE = Path(__file__).parent
# No page, job or log has a greater number.
_DIGITS = 12


class Pages:
    """What answers the requests.

    Parameters
    ----------
    store : StoreThread
        Reads the store.
    opener : str
        What opens the store with all classes, as 'module:function'.
    pictures : pathlib.Path
        Where pictures are kept.
    is_stopping : callable, optional
        Tells whether the page is about to end. By default it never is.
    """

    def __init__(self, store, opener, pictures, is_stopping=lambda: False):
        self._store = store
        self._processor = Processor(opener)
        self._pictures = pictures
        self._is_stopping = is_stopping
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"), autoescape=True,
            undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.globals.update(version=__version__, user=store.context.user_name)
        self._templates.filters.update(clock=clock, utc=_utc)

    def application(self):
        """Give the application.

        Returns
        -------
        starlette.applications.Starlette
            To be put behind a `Guard`.
        """
        job = "/jobs/{number:int}"
        product = "/products/{kind}/{key}"
        routes = [
            Route("/", self.jobs),
            Route("/events", self.jobs_events),
            Route(job, self.job),
            Route(job + "/events", self.job_events),
            Route(job + "/log", self.log),
            Route(job + "/cancel", self.cancel, methods=["POST"]),
            Route(job + "/again", self.again, methods=["POST"]),
            Route(product, self.product),
            Route(product + "/picture.png", self.picture),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ]
        handlers = {
            AweLookupError: self._not_found, AweError: self._refused, HTTPException: self._other,
        }  # fmt: skip
        return Starlette(routes=routes, exception_handlers=handlers)

    # --- jobs ---

    async def jobs(self, request):
        """Show the queue and the jobs that are over."""
        shown = await self._store.ask(jobs_shown, _number(request, "page"))
        return self._page("jobs.html", shown)

    async def jobs_events(self, request):
        """Send what changes on the first page."""
        page = _number(request, "page")

        async def parts():
            shown = await self._store.ask(jobs_shown, page)
            return {"jobs": self._render("jobs_part.html", shown)}, False

        return self._events(parts)

    async def job(self, request):
        """Show a job with its units and its log."""
        shown = await self._store.ask(_whole_job, *_which_units(request))
        return self._page("job.html", {**shown, "tail": tail_of(shown["job"].log)})

    async def job_events(self, request):
        """Send what changes in a job, and the new lines of its log."""
        which = _which_units(request)
        first = await self._store.ask(job_shown, which[0])
        at = request.headers.get("last-event-id") or request.query_params.get("from", "")
        at = _as_number(at, 0)

        async def parts():
            shown = await self._store.ask(_whole_job, *which)
            found = {name: self._render(f"job_{name}.html", shown)
                     for name in ("head", "failures", "units")}  # fmt: skip
            return found, shown["job"].is_over

        return self._events(parts, first.log, at)

    async def log(self, request):
        """Send the whole log as plain text."""
        shown = await self._store.ask(job_shown, request.path_params["number"])
        if not shown.log.exists():
            return PlainTextResponse("")
        return FileResponse(shown.log, media_type="text/plain; charset=utf-8")

    async def cancel(self, request):
        """Cancel a job."""
        number = request.path_params["number"]
        await self._store.ask(lambda _: self._processor.cancel_job(number))
        return RedirectResponse(f"/jobs/{number}", 303)

    async def again(self, request):
        """Run again what failed in a job."""
        number = request.path_params["number"]
        new = await self._store.ask(lambda _: self._processor.rerun_failed(number))
        return RedirectResponse(f"/jobs/{new}", 303)

    # --- products ---

    async def product(self, request):
        """Show a product with its picture and its lineage."""
        unit = request.query_params.get("unit", "")
        shown = await self._store.ask(product_shown, *_which_product(request), unit)
        return self._page("product.html", {"product": shown, "unit": unit})

    async def picture(self, request):
        """Send the picture of a product."""
        unit = request.query_params.get("unit", "")
        data = await self._store.ask(picture_of, self._pictures, *_which_product(request), unit)
        return Response(data, media_type="image/png")

    # --- answers ---

    def _render(self, template, values):
        return self._templates.get_template(template).render(values)

    def _page(self, template, values, status=200):
        return HTMLResponse(self._render(template, values), status)

    def _events(self, parts, log=None, at=0):
        return StreamingResponse(
            stream(parts, log, at, self._is_stopping, DpuHome().news_at),
            media_type="text/event-stream",
        )

    def _problem(self, title, text, status):
        return self._page("problem.html", {"title": title, "text": text}, status)

    async def _not_found(self, request, error):
        return self._problem("That is not there", str(error), 404)

    async def _refused(self, request, error):
        return self._problem("That is not possible", str(error), 409)

    async def _other(self, request, error):
        title = "That is not there" if error.status_code == 404 else "That is not possible"
        return self._problem(title, f"{error.detail}: {request.url.path}", error.status_code)


def _whole_job(context, number, state, page):
    return {
        "job": job_shown(context, number),
        "failures": failures_of(context, number),
        "units": units_shown(context, number, state, page),
    }


def _which_units(request):
    state = request.query_params.get("state", "")
    return request.path_params["number"], state, _number(request, "page")


def _which_product(request):
    return request.path_params["kind"], request.path_params["key"]


def _number(request, name):
    return _as_number(request.query_params.get(name, ""), 1)


def _as_number(text, otherwise):
    # '²' is a digit to Python, and no number.
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else otherwise


def _utc(when):
    return "–" if when is None else f"{when:%Y-%m-%d %H:%M:%S}"
