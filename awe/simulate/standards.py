"""The catalog of standard stars of a simulated night."""

__all__ = ["read_standards", "standards_path", "write_standards"]

# Brighter stars saturate in good seeing, fainter ones are lost in the sky.
_BRIGHT, _FAINT = 15.0, 20.0


def standards_path(folder):
    """Give the file of the catalog.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the night.

    Returns
    -------
    pathlib.Path
        The file.
    """
    return folder / "truth" / "standards.ecsv"


def write_standards(folder, field):
    """Write the catalog of the standard field.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the night, which has a folder ``truth``.
    field : dict of str to numpy.ndarray
        What `awe.simulate.scene.star_field` gave for it.
    """
    import numpy as np
    from astropy.table import Table

    chosen = np.flatnonzero((field["mag"] >= _BRIGHT) & (field["mag"] <= _FAINT))
    columns = {"id": chosen.astype(np.int32)}
    columns |= {name: field[name][chosen] for name in ("ra", "dec", "mag")}
    units = {"ra": "deg", "dec": "deg", "mag": "mag"}
    table = Table(columns, units=units)
    table.write(standards_path(folder), format="ascii.ecsv", overwrite=True)


def read_standards(folder):
    """Read the catalog.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the night.

    Returns
    -------
    astropy.table.Table or None
        With columns `id`, `ra`, `dec` and `mag`; None where there is none.
    """
    from astropy.table import Table

    path = standards_path(folder)
    return Table.read(path, format="ascii.ecsv") if path.is_file() else None
