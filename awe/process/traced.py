"""What everything that has a lineage can tell of it."""

__all__ = ["Traced"]


class Traced:
    """Something that was made from something, or that something was made from."""

    def lineage(self, *, graph=False, save=None):
        """Give the tree of all that the object was made from, down to the raw files.

        Parameters
        ----------
        graph : bool, optional
            Whether to draw it. The default is False.
        save : str or os.PathLike, optional
            File for the drawing, whose suffix decides the format. By default none is written.

        Returns
        -------
        Lineage or matplotlib.figure.Figure
            The tree, which printing shows and whose `objects` and `roots` list what is in it; or
            the figure.
        """
        from awe.process.lineage import Lineage

        tree = Lineage(self)
        return tree.graph(save=save) if graph or save is not None else tree

    def dependents(self):
        """Give all that was made from the object, directly or not, and that you may see.

        Returns
        -------
        list of DBObject
            Nearest first.
        """
        from awe.process.lineage import dependents

        return dependents(self)

    def script(self, path=None):
        """Write a script that makes the object again from raw frames.

        Parameters
        ----------
        path : str or os.PathLike, optional
            File for it. By default none is written.

        Returns
        -------
        Script
            A text, which the prompt shows, or the name of its file. ``awe FILE.py`` runs it.
        """
        from awe.process.script import script_of

        return script_of(self, path)

    def reproduce(self):
        """Make the object again in memory from its stored inputs, and compare.

        Returns
        -------
        Reproduction
            Whether the pixels and numbers are identical, and where not.
        """
        from awe.process.reproduce import reproduce

        return reproduce(self)

    def provenance(self, format="prov-json", path=None):
        """Give the provenance in the terms of the IVOA Provenance Data Model.

        Parameters
        ----------
        format : str, optional
            'prov-json' (the default), 'prov-n' or 'votable'.
        path : str or os.PathLike, optional
            File for it. By default none is written.

        Returns
        -------
        Document
            A text, which the prompt shows, or the name of its file.
        """
        from awe.process.provenance import provenance

        return provenance(self, format, path)
