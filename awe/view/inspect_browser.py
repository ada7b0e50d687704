"""Windows as pages in the browser, for a Python without Qt and Tk."""

import asyncio

__all__ = ["show_in_browser"]


def show_in_browser(figure, block, shell):
    """Serve a figure as a page, and say where.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Of the backend WebAgg.
    block : bool
        Whether to serve until Ctrl-C.
    shell : InteractiveShell or None
        The prompt; it serves the pages while it waits for a line.
    """
    import matplotlib
    from matplotlib.backends.backend_webagg import WebAggApplication

    if shell is not None and not block:
        # With this event loop the prompt and the server of the pages take turns.
        shell.enable_gui("asyncio")
        from IPython.core.async_helpers import get_asyncio_loop

        asyncio.set_event_loop(get_asyncio_loop())
    elif block:
        asyncio.set_event_loop(asyncio.new_event_loop())
    WebAggApplication.initialize()
    url = (
        f"http://{WebAggApplication.address}:{WebAggApplication.port}{WebAggApplication.url_prefix}"
    )
    url = f"{url}/{figure.number}"
    print(f"The window is a page in the browser: {url}")
    if matplotlib.rcParams["webagg.open_in_browser"]:
        import webbrowser

        webbrowser.open(url)
    if block:
        asyncio.get_event_loop().run_forever()
