"""`analytics migrate`: moves the databases' tables; `make migrate-*` calls it.

The control store and the stream's state have the same tables: they may be one database.
"""

from typing import Annotated

import typer

from analytics_platform.settings import Settings, load_settings

app = typer.Typer(
    help="Migrate the control store and the stream's state.", no_args_is_help=True
)


@app.command("upgrade")
def upgrade(
    revision: Annotated[str, typer.Argument(help="A revision.")] = "head",
) -> None:
    """Bring the tables up to a revision, the newest by default."""
    from analytics_platform.adapters.control_store import migrations

    for name, url in _databases(load_settings()).items():
        migrations.migrate(url, revision)
        print(f"{name} is at revision {migrations.revision(url)}.")


@app.command("downgrade")
def downgrade(
    revision: Annotated[str, typer.Argument(help="A revision, -1 or base.")] = "-1",
) -> None:
    """Take the tables back by one step, or to a revision; what they held is lost."""
    from analytics_platform.adapters.control_store import migrations

    for name, url in _databases(load_settings()).items():
        if migrations.revision(url) is not None:
            migrations.rollback(url, revision)
        print(f"{name} is at revision {migrations.revision(url) or 'base'}.")


@app.command("create")
def create(
    message: Annotated[str, typer.Argument(help="What changes, in a few words.")],
) -> None:
    """Write a migration from the newest one to the tables declared in tables.py."""
    from analytics_platform.adapters.control_store import migrations

    url = load_settings().control_store_url
    migrations.migrate(url)
    print(f"Look at it before you run it: {migrations.create(url, message)}")


def _databases(settings: Settings) -> dict[str, str]:
    """URLs by name; one if both are the same database."""
    databases = {"The control store": settings.control_store_url}
    if settings.stream_state_url != settings.control_store_url:
        databases["The stream's state"] = settings.stream_state_url
    return databases
