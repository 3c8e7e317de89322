"""Writes tests/golden/quant.bin: rows and the bytes that the gguf package stores for them (numerics.md, M2).

Run from the root: python tests/golden/make_quant.py        (needs numpy and gguf; made with gguf 0.19.0, numpy 2.4.6)
Layout, little-endian: u32 rows, u32 columns, fp32 rows, then for Q8_0, Q4_0, Q4_1 the bytes of all rows.
"""

import numpy as np
from gguf.constants import GGMLQuantizationType
from gguf.quants import quantize

COLUMNS = 96
random = np.random.Generator(np.random.PCG64(20240917))

# Weights of many scales, rows on a grid whose points fall on rounding ties, one-sided rows, zeros, subnormal scales.
rows = [random.normal(0, scale, COLUMNS) for scale in np.geomspace(1e-9, 1e4, 18)]
rows += [random.integers(-16, 17, COLUMNS) * step for step in (0.5, 0.03125, 0.1, 1 / 3)]
rows += [random.uniform(0, 1, COLUMNS), random.uniform(-3, -1, COLUMNS), np.zeros(COLUMNS), -np.zeros(COLUMNS)]
rows += [np.where(random.uniform(size=COLUMNS) < 0.9, 0, random.normal(0, 1, COLUMNS)), np.full(COLUMNS, -0.7)]
rows = np.array(rows, dtype=np.float32)

with open("tests/golden/quant.bin", "wb") as out:
    out.write(np.array(rows.shape, dtype="<u4").tobytes())
    out.write(rows.astype("<f4").tobytes())
    for kind in (GGMLQuantizationType.Q8_0, GGMLQuantizationType.Q4_0, GGMLQuantizationType.Q4_1):
        out.write(quantize(rows, kind).tobytes())
