"""Arrays in, arrays out: overscan, combination, flats, reduction and statistics of CCDs."""

from awe.pixels.ahead import compile_all
from awe.pixels.backend import kernel_name, use_kernel
from awe.pixels.badpixels import cold_pixels, hot_pixels, local_median
from awe.pixels.cosmics import CosmicRays, find_cosmics
from awe.pixels.flats import (
    COMBINE_TYPES,
    COMBINE_USES,
    NormalisedFlat,
    master_flat,
    normalise_flat,
)
from awe.pixels.fringes import (
    Fringes,
    FringeScale,
    SkyFlat,
    SkyStack,
    fringe_pattern,
    fringe_scale,
    night_sky_flat,
)
from awe.pixels.geometry import Amplifier, amplifier_map, assemble, assemble_stored, ccd_shape
from awe.pixels.illumination import (
    IlluminationFit,
    chip_coefficients,
    evaluate_illumination,
    fit_illumination,
)
from awe.pixels.lit import lit_section
from awe.pixels.masks import MASK_BITS, grow_mask, saturated_mask
from awe.pixels.overscan import (
    OVERSCAN_METHODS,
    OverscanLevel,
    overscan_correct,
    overscan_levels,
    possible_methods,
)
from awe.pixels.photometry import Fluxes, aperture_fluxes, common_shift, recentre
from awe.pixels.reduction import Calibrated, Reduced, calibrate_ccd, flat_field, reduce_ccd
from awe.pixels.seeing import Seeing, seeing
from awe.pixels.sources import Background, background, source_mask
from awe.pixels.stacks import ArrayStack, Combined, combine
from awe.pixels.stats import Imstat, imstat
from awe.pixels.trails import Trail, find_trails, trail_mask
from awe.pixels.transfer import (
    PairLevel,
    Transfer,
    full_level,
    measure_pair,
    photon_transfer,
)
from awe.pixels.twilight import StarFreeStack, find_stars
from awe.pixels.weights import weight_map

__all__ = [
    "COMBINE_TYPES",
    "COMBINE_USES",
    "MASK_BITS",
    "OVERSCAN_METHODS",
    "Amplifier",
    "ArrayStack",
    "Background",
    "Calibrated",
    "Combined",
    "CosmicRays",
    "Fluxes",
    "FringeScale",
    "Fringes",
    "IlluminationFit",
    "Imstat",
    "NormalisedFlat",
    "OverscanLevel",
    "PairLevel",
    "Reduced",
    "Seeing",
    "SkyFlat",
    "SkyStack",
    "StarFreeStack",
    "Trail",
    "Transfer",
    "amplifier_map",
    "aperture_fluxes",
    "assemble",
    "assemble_stored",
    "background",
    "calibrate_ccd",
    "ccd_shape",
    "chip_coefficients",
    "cold_pixels",
    "combine",
    "common_shift",
    "compile_all",
    "evaluate_illumination",
    "find_cosmics",
    "find_stars",
    "find_trails",
    "fit_illumination",
    "flat_field",
    "fringe_pattern",
    "fringe_scale",
    "full_level",
    "grow_mask",
    "hot_pixels",
    "imstat",
    "kernel_name",
    "lit_section",
    "local_median",
    "master_flat",
    "measure_pair",
    "night_sky_flat",
    "normalise_flat",
    "overscan_correct",
    "overscan_levels",
    "photon_transfer",
    "possible_methods",
    "recentre",
    "reduce_ccd",
    "saturated_mask",
    "seeing",
    "source_mask",
    "trail_mask",
    "use_kernel",
    "weight_map",
]
