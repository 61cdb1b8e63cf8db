"""Scaling laws that were published, by name."""

from dataclasses import dataclass

from epiplexity_jax.analysis.scaling_law import ScalingLaw


@dataclass(frozen=True)
class Preset:
    """A published law.

    Attributes:
        law: its parameters.
        vocab_size: V of its tokens, whose uniform code the untrained model is.
        origin: papers that it comes from.
    """

    law: ScalingLaw
    vocab_size: int
    origin: str


_CORRECTED = "Henighan et al. 2020, corrected for embeddings (arXiv 2601.03220, Table 1)"
_HOFFMANN = "Hoffmann et al. 2022, as in arXiv 2601.03220, Table 1"
_REFITTED = "Hoffmann et al. 2022, refitted to the points of Besiroglu et al. 2024"

PRESETS = {
    "image_8x8": Preset(ScalingLaw(0.331, 0.566, 8.0e1, 2.66e6, 3.14), 256, _CORRECTED),
    "image_16x16": Preset(ScalingLaw(0.307, 0.820, 2.8e2, 8.94e7, 2.68), 256, _CORRECTED),
    "image_32x32": Preset(ScalingLaw(0.258, 0.399, 6.3e1, 1.95e6, 2.30), 256, _CORRECTED),
    "image_vq_16x16": Preset(ScalingLaw(0.322, 0.441, 2.7e4, 4.44e7, 4.23), 4096, _CORRECTED),
    "image_vq_32x32": Preset(ScalingLaw(0.287, 0.560, 1.9e4, 1.63e8, 3.32), 1024, _CORRECTED),
    "video_vq_16x16x16": Preset(ScalingLaw(0.428, 0.718, 3.7e4, 1.79e8, 1.15), 4096, _CORRECTED),
    "language_chinchilla": Preset(
        ScalingLaw(0.339, 0.285, 4.91e7, 1.49e9, 1.69), 32_000, _HOFFMANN
    ),
    "language_refitted": Preset(
        ScalingLaw.from_coefficients(477.83, 2143.4, 1.81722, 0.34731, 0.36717), 32_000, _REFITTED
    ),
}
"""Seven domains; language both as published and refitted to the same models (docs/scaling-laws.md).

Vocabularies are those of the data: 256 values of a colour, codebooks of 1024 and 4096, and the
32,000 pieces of the language models' tokeniser.
"""
