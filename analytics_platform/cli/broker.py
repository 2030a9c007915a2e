"""`analytics broker`: being the broker of this home, and what it can do."""

import typer

from analytics_platform.cli.environment import prepare

app = typer.Typer(help="Run and inspect the broker.", no_args_is_help=True)


@app.command("run")
def run() -> None:
    """Run Kafka where `make kafka` has assembled it, else the embedded broker."""
    settings = prepare()
    from analytics_platform.adapters.brokers import (
        EMBEDDED_LIMITS,
        GET_THE_REAL_ONE,
        BrokerKind,
        chosen_kind,
        run_broker,
    )

    kind = chosen_kind(settings)
    print(f"Starting the {kind} broker; its files are in {settings.home / 'kafka'}.")
    if kind is BrokerKind.EMBEDDED:
        _print_limits(EMBEDDED_LIMITS, GET_THE_REAL_ONE)
    run_broker(settings)


@app.command("status")
def status() -> None:
    """Say which broker is used, whether it answers, and what it cannot do."""
    settings = prepare()
    from analytics_platform.adapters.brokers import find_broker, wait_until_ready

    broker = find_broker(settings)
    wait_until_ready(broker, seconds=5)
    print(f"The {broker.kind} broker answers at {broker.bootstrap}.")
    _print_limits(broker.limits, broker.advice)


def _print_limits(limits: tuple[str, ...], advice: str | None) -> None:
    for limit in limits:
        print(f"  - not proven here: {limit}", flush=True)
    if advice:
        print(f"`{advice}` gets a broker without these limits.", flush=True)
