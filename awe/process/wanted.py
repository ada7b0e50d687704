"""What is asked of any product: to be there, to be up to date, to hang on nothing bad."""

from awe.base import hooks

__all__ = ["Dated", "Judged", "ManyWanted", "Wanted"]


class Judged:
    """Something that may hang on what people judged bad."""

    def is_suspect(self):
        """Tell whether the object hangs on something that people judged bad.

        Returns
        -------
        bool
            True where ``is_valid`` is 0 of anything that it was made from, directly or not, as
            far as you may see it.
        """
        return bool(self.why_suspect())

    def why_suspect(self):
        """Give what people judged bad of all that the object was made from.

        Returns
        -------
        list of ProcessTarget
            Empty where nothing is.
        """
        from awe.process.suspect import causes_of

        return causes_of(self)


class Dated:
    """Something that may be out of date."""

    def is_uptodate(self, pars=None):
        """Tell whether the product would be made of the same in the same way now.

        Raw frames of its night that came since do not count: `missing` names them, and a new
        product of all eclipses this one.

        Parameters
        ----------
        pars : dict or Pars, optional
            Parameters that are wanted. By default those that a user gave when it was made, and
            the present defaults.

        Returns
        -------
        bool
            True where `why_outdated` has no reason.
        """
        return not self.why_outdated(pars)

    def why_outdated(self, pars=None):
        """Tell why the product is out of date.

        Parameters
        ----------
        pars : dict or Pars, optional
            As for `is_uptodate`.

        Returns
        -------
        list of str
            Empty where it is up to date.
        """
        from awe.process.uptodate import why_outdated

        return why_outdated(self, pars)


class ManyWanted:
    """A class with a recipe, whose products can be asked for, of many frames at once."""

    @classmethod
    def targets(cls, query, **wanted):
        """Ask for the products of many frames: those that exist if up to date, or else new ones.

        Parameters
        ----------
        query : Query or list
            Raw frames, or products of this class.
        **wanted
            depth, commit, pars and folder, as for `target`; ``plan=True`` gives the plan.

        Returns
        -------
        Products
            One for each frame, or CCD and night; `failures` has the rest.
        """
        from awe.process.targets import targets

        return targets(cls, query, **wanted)

    def remake(self, **wanted):
        """Make the product again without what is judged bad or out of date.

        Parameters
        ----------
        **wanted
            depth, commit, pars and folder, as for `target`.

        Returns
        -------
        Product
            A new one; the same where it is up to date.
        """
        from awe.process.targets import remake

        return remake(self, **wanted)


class Wanted(ManyWanted):
    """A class with a recipe, whose products can be asked for, of many frames or one by one."""

    @classmethod
    def target(cls, raw=None, **wanted):
        """Ask for a product: the one that exists if it is up to date, or else a new one.

        Parameters
        ----------
        raw : RawFrame, optional
            The frame to be worked on. Else the product is told by its instrument, chip, filter
            and date.
        instrument, chip, filter, date : optional
            As for the recipe that makes the class; they must leave one product.
        depth : int, optional
            How many levels of calibrations below may be made. By default as many as needed; 0
            makes none.
        commit : bool, optional
            Whether to store what is made. The default is False.
        pars : dict or Pars, optional
            Parameters of any of the classes that take part. By default none.
        folder : path, optional
            Where files are left. By default none are.
        plan : bool, optional
            Whether only the plan is wanted. The default is False.

        Returns
        -------
        Product or Plan
            Up to date; with ``plan=True`` what would be done for it.

        Raises
        ------
        AweError
            It cannot be made; the message tells why.
        """
        from awe.process.targets import target

        return target(cls, raw, **wanted)


def _suspect(session):
    from awe.process.suspect import suspect_numbers

    return suspect_numbers(session)


hooks.register("suspect", _suspect)
