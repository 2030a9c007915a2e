"""Makes a LightGBM text model decide alike in float64 and in float32."""

import numpy as np

_THRESHOLDS = "threshold="
_SIZES = "tree_sizes="


def in_float32(text: str) -> str:
    """The model with each threshold at the float32 just at or below it.

    For float32 inputs `x <= threshold` stays as it was. Without it ONNX, which keeps
    thresholds in float32, rounds some up onto the next input value and sends those
    rows down the other branch: differences of a minute were measured.
    """
    import lightgbm

    lines = [
        _rounded(line) if line.startswith(_THRESHOLDS) else line
        for line in text.split("\n")
        if not line.startswith(_SIZES)  # of the old lines; written anew below
    ]
    rounded: str = lightgbm.Booster(model_str="\n".join(lines)).model_to_string()
    return rounded


def _rounded(line: str) -> str:
    values = np.array(line.removeprefix(_THRESHOLDS).split(), dtype=np.float64)
    with np.errstate(over="ignore"):
        nearest = values.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    chosen = np.where(nearest > values, below, nearest).astype(np.float64)
    return _THRESHOLDS + " ".join(repr(float(value)) for value in chosen)
