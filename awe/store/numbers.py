"""Numbers of objects within one store: the class's number and the row in one integer."""

__all__ = ["ROW_BITS", "code_of", "pack", "row_of"]

ROW_BITS = 40
_ROW_MASK = (1 << ROW_BITS) - 1


def pack(code, row):
    """Give the number of an object in this store.

    Parameters
    ----------
    code : int
        The class's number.
    row : int
        The row in the class's extent.

    Returns
    -------
    int
        Both in one number, never 0.
    """
    return (code << ROW_BITS) | row


def code_of(packed):
    """Give the class's number out of an object's number.

    Parameters
    ----------
    packed : int
        The object's number in the store.

    Returns
    -------
    int
        The class's number.
    """
    return packed >> ROW_BITS


def row_of(packed):
    """Give the row out of an object's number.

    Parameters
    ----------
    packed : int
        The object's number in the store.

    Returns
    -------
    int
        The row.
    """
    return packed & _ROW_MASK
