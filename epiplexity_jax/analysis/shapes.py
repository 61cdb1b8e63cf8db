"""Types of the arrays in this package; NumPy arrays on the host, lengths in float64.

A point is a record point, a candidate of a frontier or a row of a loss curve, as docstrings
say; a row is a seed, a held-out block, an error factor or a replicate.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int64

Values = Float64[np.ndarray, " points"]
Rows = Float64[np.ndarray, "rows points"]
AnyRows = Float64[np.ndarray, "*rows points"]
Steps = Int64[np.ndarray, " points"]
Indices = Int64[np.ndarray, " kept"]
Flags = Bool[np.ndarray, " points"]
