"""GainTask: gain, read noise, linearity and saturation level of each CCD and night."""

from awe.recipes.arguments import as_calibration
from awe.recipes.common import CombineTask, each_file_once

from awe.model import GainLinearity, RawBiasFrame, RawDomeFlatFrame
from awe.model.gain import pairs_of
from awe.model.quality import FLAT_LEVEL
from awe.process import Argument

__all__ = ["GainTask"]


class GainTask(CombineTask):
    """Make a GainLinearity of pairs of raw dome flats of equal exposure, and of raw biases.

    Flats of a CCD, filter, lamp and night that have the same exposure time are paired in the
    order of time. Where one template has pairs of several exposure times, only its flats are
    taken: in another the lamp may be brighter. With raw_filenames all are taken. The raw biases
    of the same CCD and night, where there are any, tell the read noise.
    """

    arguments = (
        Argument("bias", "the BiasFrame to subtract, instead of the choice; False for none",
                 check=as_calibration),
    )  # fmt: skip
    product_names = ("GainLinearity",)
    without = ("object",)
    raw_class = RawDomeFlatFrame
    group_by = ("chip", "readout", "filter", "lamp")
    # Saturated flats show where saturation begins, faint ones how linear the CCD is.
    tolerated = FLAT_LEVEL
    object = None

    def units_of(self, frames):
        """Group the raw flats by CCD, read-out mode, filter, lamp and night.

        Parameters
        ----------
        frames : list of RawDomeFlatFrame
            Good ones.

        Returns
        -------
        list of Unit
            One for each product.
        """
        units = super().units_of(frames)
        if self.raw_filenames is None:
            for unit in units:
                unit.inputs["frames"] = self._of_one_template(unit.inputs["frames"])
        return units

    def _of_one_template(self, frames):
        groups = {}
        for frame in frames:
            if frame.template is not None:
                groups.setdefault(frame.template.object_id, []).append(frame)
        levels = {n: len({a.EXPTIME for a, _ in pairs_of(g)}) for n, g in groups.items()}
        best = max(groups, key=lambda n: (levels[n], len(groups[n])), default=None)
        if best is None or levels[best] < 2:
            return frames
        number = len(frames) - len(groups[best])
        if number:
            reason = "another template than the pairs of rising level"
            self.left_out[reason] = self.left_out.get(reason, 0) + number
        return groups[best]

    def prepare(self, unit):
        """Prepare the gain of one CCD.

        Parameters
        ----------
        unit : Unit
            With the raw dome flats.

        Returns
        -------
        list of Making
            One.
        """
        flats = sorted(unit.inputs["frames"], key=lambda f: f.DATE_OBS)
        product = GainLinearity(raw_domeflat_frames=flats, raw_bias_frames=self._biases(flats[0]))
        gain = self.with_validity(product)
        gain.take_from(flats)
        overridden = []
        making = self.making(gain, overridden)
        self.choose(gain, flats[0], "bias", overridden)
        return [making]

    def _biases(self, flat):
        """Select the raw biases of the CCD and night of a flat."""
        query = (
            (RawBiasFrame.chip == flat.chip) & (RawBiasFrame.readout == flat.readout)
            & (RawBiasFrame.night == flat.night)
        )  # fmt: skip
        biases = each_file_once(self.good(query))
        return sorted(biases, key=lambda f: f.DATE_OBS)
