"""Headers and tables of FITS files inside dict attributes: as they came, parsed when touched."""

import zlib

from awe.store.coded import Codec, register_codec

__all__ = ["HeaderCodec", "TableBytesCodec"]


def _squeeze(text):
    # The quickest level: cards are so alike that it makes a tenth of them.
    return zlib.compress(text.encode("latin-1"), 1)


def _unsqueeze(data):
    return zlib.decompress(data).decode("latin-1")


class HeaderCodec(Codec):
    """Keeps a header as the text of its cards."""

    name = "header"

    def takes(self, type_):
        """Tell whether a type is that of headers, ours or astropy's."""
        ours = _is(type_, "awe.fits.mapping", "HeaderText")
        return ours or _is(type_, "astropy.io.fits.header", "Header")

    def freeze(self, value, where):
        """Give a `HeaderText`."""
        if hasattr(value, "text"):
            return value
        from awe.fits import HeaderText

        return HeaderText("\n".join(str(card).rstrip() for card in value.cards))

    def pack(self, value):
        """Give the cards, compressed."""
        return _squeeze(value.text)

    def unpack(self, packed):
        """Give the header."""
        from awe.fits import HeaderText

        return HeaderText(_unsqueeze(packed))


def _is(type_, module, name):
    # A session that has no headers need not import what reads them.
    return type_.__name__ == name and type_.__module__ == module


class TableBytesCodec(Codec):
    """Keeps a binary table as its bytes, and gives it as an astropy Table."""

    name = "fits table"

    def takes(self, type_):
        """Tell whether a type is that of tables as bytes."""
        return _is(type_, "awe.fits.tables", "TableBytes")

    def give(self, value):
        """Give a new astropy Table."""
        return value.table()

    def pack(self, value):
        """Give the header, compressed, and the data."""
        return _squeeze(value.text), value.data

    def unpack(self, packed):
        """Give the table as bytes."""
        from awe.fits import TableBytes

        return TableBytes(_unsqueeze(packed[0]), packed[1])


register_codec(HeaderCodec())
register_codec(TableBytesCodec())
