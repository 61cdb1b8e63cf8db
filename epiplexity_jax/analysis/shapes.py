"""Types of the arrays in this package; NumPy arrays on the host, lengths in float64.

A point is a record point, a candidate of a frontier or a row of a loss curve, as docstrings
say; a row is a seed, a held-out block, an error factor or a replicate.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int64

Values = Float64[np.ndarray, " points"]
Seeds = Float64[np.ndarray, "seeds points"]
Rows = Float64[np.ndarray, "_ #points"]  # of each error as many as it has units
Blocks = Float64[np.ndarray, "records blocks"]
AnyColumn = Float64[np.ndarray, " any"]  # of a user: its class checks the length, in its own words
AnyRows = Float64[np.ndarray, "*rows points"]
Steps = Int64[np.ndarray, " points"]
AnySteps = Int64[np.ndarray, "_"]
Grid = Int64[np.ndarray, " grid"]
OnGrid = Float64[np.ndarray, "*rows grid"]
Units = Float64[np.ndarray, "replicates _"]
Replicates = Float64[np.ndarray, "replicates candidates"]
Indices = Int64[np.ndarray, " kept"]
AnyIndices = Int64[np.ndarray, "_"]
Flags = Bool[np.ndarray, " points"]
