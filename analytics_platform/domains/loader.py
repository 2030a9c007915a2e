"""Finds the domain that the settings name."""

from importlib import import_module

from analytics_platform.contracts.domain import Domain
from analytics_platform.errors import InvalidUsage


def load_domain(package: str) -> Domain:
    """The DOMAIN that `package` declares.

    Raises:
        InvalidUsage: the package cannot be imported or declares no DOMAIN.
    """
    try:
        domain = getattr(import_module(package), "DOMAIN", None)
    except ModuleNotFoundError as error:
        raise InvalidUsage(
            f"The domain {package!r} cannot be imported: {error}.",
            hint="Set ANALYTICS_DOMAIN to an importable package.",
        ) from error
    if not isinstance(domain, Domain):
        raise InvalidUsage(
            f"The package {package!r} has no DOMAIN of type Domain.",
            hint="Write DOMAIN = Domain(...) in its __init__.py.",
        )
    return domain
