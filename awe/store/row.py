"""One object's row in a page."""

from awe.store import plain

__all__ = ["Row"]


class Row:
    """One object's row in a page.

    Parameters
    ----------
    layout : int
        Which of the class's layouts the payload has.
    object_id : bytes
        The 16 bytes of the UUID.
    domain : int
        Creator, project and level, as a number in `Domains`.
    serial : int
        Counts all objects of the store in the order of commit.
    committed : int
        Store time of the commit, microseconds UTC.
    payload : bytes
        The raw values, as `awe.store.plain` writes them.
    raws : tuple, optional
        The same values, where they are at hand.
    """

    __slots__ = ("committed", "domain", "layout", "object_id", "payload", "raws", "serial")

    def __init__(self, layout, object_id, domain, serial, committed, payload, raws=None):
        self.layout = layout
        self.object_id = object_id
        self.domain = domain
        self.serial = serial
        self.committed = committed
        self.payload = payload
        self.raws = raws

    def values(self):
        """Give the raw values as a tuple.

        Returns
        -------
        tuple
            In the order of the layout.
        """
        if self.raws is None:
            self.raws = plain.loads(self.payload)
        return self.raws

    def plain(self):
        """Give what the page keeps of the row.

        Returns
        -------
        tuple
            Numbers and bytes.
        """
        return (
            self.layout,
            self.object_id,
            self.domain,
            self.serial,
            self.committed,
            self.payload,
        )
