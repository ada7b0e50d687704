"""FITS as bytes and arrays: headers, images by their offset, copies, checksums."""

from awe.fits.checksums import compile_all
from awe.fits.copying import copy_hdus, split_hdus
from awe.fits.errors import FitsError, FitsFileError
from awe.fits.headers import Hdu, read_headers
from awe.fits.images import StoredRows, find_hdu, read_image, read_rows
from awe.fits.lineage import EXTENSION, FileRecord, TextTable, read_record
from awe.fits.mapping import HeaderText
from awe.fits.tables import TableBytes, read_parts
from awe.fits.writing import Image, sha256, write_hdus, write_image

__all__ = [
    "EXTENSION",
    "FileRecord",
    "FitsError",
    "FitsFileError",
    "Hdu",
    "HeaderText",
    "Image",
    "StoredRows",
    "TableBytes",
    "TextTable",
    "compile_all",
    "copy_hdus",
    "find_hdu",
    "read_headers",
    "read_image",
    "read_parts",
    "read_record",
    "read_rows",
    "sha256",
    "split_hdus",
    "write_hdus",
    "write_image",
]
