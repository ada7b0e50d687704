"""Arrays in, arrays out: overscan, combination, flats, reduction and statistics of CCDs."""

from awe.pixels.backend import kernel_name, use_kernel
from awe.pixels.flats import COMBINE_TYPES, NormalisedFlat, master_flat, normalise_flat
from awe.pixels.geometry import Amplifier, amplifier_map, assemble, ccd_shape
from awe.pixels.lit import lit_section
from awe.pixels.overscan import (
    OVERSCAN_METHODS,
    OverscanLevel,
    overscan_correct,
    overscan_levels,
    possible_methods,
)
from awe.pixels.reduction import (
    MASK_BITS,
    Reduced,
    flat_field,
    reduce_ccd,
    saturated_mask,
    weight_map,
)
from awe.pixels.stacks import ArrayStack, Combined, combine
from awe.pixels.stats import Imstat, imstat

__all__ = [
    "COMBINE_TYPES",
    "MASK_BITS",
    "OVERSCAN_METHODS",
    "Amplifier",
    "ArrayStack",
    "Combined",
    "Imstat",
    "NormalisedFlat",
    "OverscanLevel",
    "Reduced",
    "amplifier_map",
    "assemble",
    "ccd_shape",
    "combine",
    "flat_field",
    "imstat",
    "kernel_name",
    "lit_section",
    "master_flat",
    "normalise_flat",
    "overscan_correct",
    "overscan_levels",
    "possible_methods",
    "reduce_ccd",
    "saturated_mask",
    "use_kernel",
    "weight_map",
]
