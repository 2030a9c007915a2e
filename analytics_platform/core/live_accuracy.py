"""How exact live figures are: what the engine keeps to, and what parity holds it to."""

import math

# A quantile is interpolated as SQL's percentile_cont has it, between two values that
# are each known within this share.
QUANTILE_ERROR = 0.01

# Distinct values are counted one by one up to this many, and estimated beyond.
DISTINCT_EXACT = 128
DISTINCT_REGISTERS = 4096  # of HyperLogLog
DISTINCT_STANDARD_ERROR = 1.04 / math.sqrt(DISTINCT_REGISTERS)
# Farther off than four standard errors is one estimate in 16,000.
DISTINCT_ERROR = 4 * DISTINCT_STANDARD_ERROR

# Sums and means of floats depend on the order of their addition.
FLOAT_ERROR = 1e-9
