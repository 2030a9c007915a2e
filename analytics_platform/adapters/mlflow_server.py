"""The process of MLflow's pages: makes the store, then becomes MLflow's server."""

import os
import sys

from analytics_platform.adapters.mlflow_store import create_store
from analytics_platform.settings import load_settings


def serve() -> None:
    """Run `mlflow server` with this process's arguments, in its place."""
    create_store(load_settings())
    server = [sys.executable, "-m", "mlflow", "server", *sys.argv[1:]]
    os.execv(sys.executable, server)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    serve()
