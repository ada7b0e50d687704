"""What people look at: information on objects, pictures, progress."""

from awe.base import hooks, progress

__all__ = ["enter"]


def enter():
    """Enter what answers the hooks of the lower rooms; nothing heavy is imported."""
    hooks.register("info", _info)
    hooks.register("html", _html)
    hooks.register("inspect", _inspect)
    hooks.register("figure", _figure)
    hooks.register("show", _show)
    hooks.register("lineage_graph", _lineage_graph)
    hooks.register("table", _table)
    hooks.register("plot", _plot)
    hooks.register("hist", _hist)
    hooks.register("sky", _sky)
    from awe.view.bars import report

    progress.set_reporter(report)


def _info(obj):
    from awe.view.notebook import show_information

    show_information(obj)


def _html(thing):
    from awe.view.notebook import html_of

    return html_of(thing)


def _lineage_graph(lineage, **options):
    from awe.view.lineagegraph import lineage_graph

    return lineage_graph(lineage, **options)


def _inspect(thing, **options):
    from awe.view.frames import inspect

    return inspect(thing, **options)


def _figure(thing, **options):
    from awe.view.frames import figure_of

    return figure_of(thing, **options)


def _table(table):
    from awe.view.tables import QueryTable

    return QueryTable(table, copy=False)


def _plot(query, *names, **options):
    from awe.view.plots import plot

    return plot(query, *names, **options)


def _hist(query, name, **options):
    from awe.view.plots import hist

    return hist(query, name, **options)


def _sky(query, **options):
    from awe.view.sky import sky

    return sky(query, **options)


def _show(frame, **options):
    from awe.view.inspect_samp import show_frame

    return show_frame(frame, **options)
