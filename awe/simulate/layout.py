"""The mosaic of 32 CCDs: where each lies on the sky and what its read-out looks like."""

from dataclasses import dataclass

from awe.base.errors import AweValueError
from awe.instruments import mosaic_of

__all__ = ["FULL_SHAPE", "PIXEL_SCALE", "Ccd", "mosaic", "row_blocks"]

FULL_SHAPE = (4100, 2048)
"""Light-sensitive pixels of a real CCD, `(ny, nx)`."""

PIXEL_SCALE = 0.213
"""Arcseconds per pixel."""

_FULL_PRESCAN = 48
_FULL_OVERSCAN_ROWS = 100
_SMALLEST = 32
_BLOCK_ROWS = 64


@dataclass(frozen=True)
class Ccd:
    """One CCD of the mosaic.

    Parameters
    ----------
    extension : int
        Number of its extension in the file, from 1.
    number : int
        Number in its name, 65 to 96.
    column, row : int
        Place in the mosaic from 0: column 0 lies in the east (left), row 0 in
        the south (bottom).
    shape : tuple of int
        Light-sensitive pixels, `(ny, nx)`.
    scan_columns : int
        Width of the prescan on the left and of the overscan on the right.
    scan_rows : int
        Height of the overscan rows.
    overscan_on_top : bool
        True where the overscan rows lie above the light-sensitive area.
    axis : tuple of float
        Pixel `(x, y)` of the optical axis, counted from 1 in light-sensitive
        pixels.
    """

    extension: int
    number: int
    column: int
    row: int
    shape: tuple
    scan_columns: int
    scan_rows: int
    overscan_on_top: bool
    axis: tuple

    @property
    def name(self):
        """Name of the CCD, such as ``'ESO_CCD_#65'``."""
        return f"ESO_CCD_#{self.number}"

    @property
    def raw_shape(self):
        """Pixels as read, `(ny, nx)`."""
        ny, nx = self.shape
        return ny + self.scan_rows, nx + 2 * self.scan_columns

    @property
    def rows(self):
        """Rows of the light-sensitive area in the frame as read, a slice."""
        first = 0 if self.overscan_on_top else self.scan_rows
        return slice(first, first + self.shape[0])

    @property
    def columns(self):
        """Columns of the light-sensitive area in the frame as read, a slice."""
        return slice(self.scan_columns, self.scan_columns + self.shape[1])

    @property
    def crpix(self):
        """Pixel `(x, y)` of the optical axis, from 1, in the frame as read."""
        return self.axis[0] + self.columns.start, self.axis[1] + self.rows.start


def mosaic(ccds=32, shape=FULL_SHAPE):
    """Lay out the first CCDs of the mosaic, in the order of the extensions.

    Extensions 1 to 4 are #65 to #68 and extensions 5 to 8 are #73 to #76: the
    file holds the eastern half row by row, then the western half.

    Parameters
    ----------
    ccds : int, optional
        How many CCDs, 1 to 32. The default is 32.
    shape : tuple of int, optional
        Light-sensitive pixels of a CCD, `(ny, nx)`. Gaps between smaller CCDs
        shrink with them. The default is that of the real CCDs.

    Returns
    -------
    tuple of Ccd
        In the order of the extensions.

    Raises
    ------
    AweValueError
        The number is not 1 to 32, or a CCD is smaller than 32 x 32 pixels.
    """
    if not 1 <= ccds <= 32:
        raise AweValueError(f"The mosaic has 1 to 32 CCDs, not {ccds!r}.")
    if len(shape) != 2 or min(shape) < _SMALLEST:
        msg = f"A CCD has at least {_SMALLEST} x {_SMALLEST} pixels (ny, nx), not {shape!r}."
        raise AweValueError(msg)
    return tuple(_ccd(index, (int(shape[0]), int(shape[1]))) for index in range(ccds))


def row_blocks(shape):
    """Split an image into blocks of rows that stay in the processor's cache.

    Parameters
    ----------
    shape : tuple of int
        `(ny, nx)`.

    Returns
    -------
    list of slice
        Of its rows, in order.
    """
    return [slice(row, row + _BLOCK_ROWS) for row in range(0, shape[0], _BLOCK_ROWS)]


def _ccd(index, shape):
    half, place = divmod(index, 16)
    row, column = place // 4, half * 4 + place % 4
    number = 65 + 8 * row + column
    axis_x, axis_y = mosaic_of("OMEGACAM")["axis"][f"ESO_CCD_#{number}"]
    zoom_y, zoom_x = shape[0] / FULL_SHAPE[0], shape[1] / FULL_SHAPE[1]
    return Ccd(
        extension=index + 1,
        number=number,
        column=column,
        row=row,
        shape=shape,
        # Enough pixels for a mean along each row even where the CCD is tiny.
        scan_columns=max(12, round(_FULL_PRESCAN * min(zoom_x, 1))),
        scan_rows=max(8, round(_FULL_OVERSCAN_ROWS * min(zoom_y, 1))),
        overscan_on_top=row < 2,
        axis=(float(round(axis_x * zoom_x)), float(round(axis_y * zoom_y))),
    )
