"""Keeps Dagster's own lines off the terminal: they are in the run's log."""

import logging

import dagster as dg

from analytics_platform.observability import ROOT_LOGGER


@dg.logger(None, "Says nothing: every event is in the run's log.")
def quiet_console(_context: dg.InitLoggerContext) -> logging.Logger:
    """A logger without output."""
    logger = logging.getLogger(f"{ROOT_LOGGER}.dagster_console")
    logger.setLevel(logging.CRITICAL)
    logger.propagate = False
    return logger
