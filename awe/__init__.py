"""An interactive environment for astronomers who reduce and judge CCD data."""

__version__ = "0.1.0"
