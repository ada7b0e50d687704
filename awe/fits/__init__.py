"""FITS as bytes and arrays: headers, images by their offset, copies, checksums."""

from awe.fits.checksums import compile_all
from awe.fits.copying import copy_hdus, split_hdus
from awe.fits.errors import FitsError, FitsFileError
from awe.fits.headers import Hdu, read_headers
from awe.fits.images import StoredRows, find_hdu, read_image, read_rows
from awe.fits.writing import Image, sha256, write_hdus, write_image

__all__ = [
    "FitsError",
    "FitsFileError",
    "Hdu",
    "Image",
    "StoredRows",
    "compile_all",
    "copy_hdus",
    "find_hdu",
    "read_headers",
    "read_image",
    "read_rows",
    "sha256",
    "split_hdus",
    "write_hdus",
    "write_image",
]
