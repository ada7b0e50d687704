"""The drawing of a lineage with many ancestors."""

from matplotlib.patches import FancyBboxPatch, PathPatch

from awe.view.lineagegraph import lineage_graph


class Thing:
    """Something with a place in a lineage."""

    _attributes = ()

    def __init__(self, number):
        self.object_id = f"{number:016d}"

    def summary(self):
        """Give two lines of words."""
        return "OMEGACAM ESO_CCD_#65 OCAM_r_SDSS 2012-06-15T03:17:04 360 s FIELD"


class Chain:
    """A lineage in which each is made from the one before and from the first."""

    def __init__(self, count):
        self.things = [Thing(number) for number in range(count)]
        self.top = self.things[-1]

    def inputs(self, obj):
        """Give roles and inputs."""
        place = self.things.index(obj)
        found = [("before", self.things[place - 1])] if place else []
        return [*found, ("first", self.things[0])] if place > 1 else found


def test_arrows_from_one_source_go_the_same_way():
    """Else the lanes of a bias that serves dozens of frames would fill the drawing."""
    (axes,) = lineage_graph(Chain(40), save=None).axes
    boxes = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
    lanes = [p for p in axes.patches if type(p) is PathPatch]
    assert len(boxes) == 40
    # One in each layer between the first and the last.
    assert len(lanes) == 38
    low, high = axes.get_ylim()
    assert high - low < 4


def test_a_box_tells_frames_of_one_ccd_apart():
    (axes,) = lineage_graph(Chain(2), save=None).axes
    words = [t.get_text() for t in axes.texts]
    assert "OMEGACAM ESO_CCD_#65 OCAM_r_SDSS" in words
    assert "2012-06-15T03:17:04 360 s FIELD" in words
