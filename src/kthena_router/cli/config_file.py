"""The configuration file (`routerConfiguration.yaml`): today it may only say what is built in.

The schedulers and JWT authentication that the original configures here do not exist yet. A file that asks for one of
them ends the start, so that nobody runs without what they believe to have.
"""

from pathlib import Path

import msgspec

from kthena_router.cli.flags import UsageError

BUILT_IN_SCORERS = frozenset({"least-request"})


class Score(msgspec.Struct, frozen=True):
    name: str
    weight: int = 1


class ScorePlugins(msgspec.Struct, frozen=True):
    enabled: list[Score] = []


class FilterPlugins(msgspec.Struct, frozen=True):
    enabled: list[str] = []


class Plugins(msgspec.Struct, frozen=True):
    filter: FilterPlugins | None = msgspec.field(default=None, name="Filter")
    score: ScorePlugins | None = msgspec.field(default=None, name="Score")


class Scheduler(msgspec.Struct, frozen=True):
    plugins: Plugins | None = None


class Auth(msgspec.Struct, frozen=True):
    jwks_uri: str | None = msgspec.field(default=None, name="jwksUri")


class RouterConfiguration(msgspec.Struct, frozen=True):
    """The keys that switch a feature on; others only tune one, and unknown ones are ignored as in the original."""

    scheduler: Scheduler | None = None
    auth: Auth | None = None


def check_config_file(path: Path) -> None:
    """Raise UsageError for a file that cannot be read or asks for a missing feature; an absent or empty one is fine."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the configuration file {path}: {error}") from error
    try:
        configuration = msgspec.yaml.decode(text, type=RouterConfiguration | None)
    except msgspec.MsgspecError as error:
        raise UsageError(f"failed to parse router config {path}: {error}") from error
    wanted = missing_features(configuration or RouterConfiguration())
    if wanted:
        raise UsageError(
            f"the configuration file {path} asks for what this version does not have: {', '.join(wanted)}. "
            "Remove these entries; endpoints are then chosen by fewest requests in flight"
        )


def missing_features(configuration: RouterConfiguration) -> tuple[str, ...]:
    """Return the entries that would switch on something that is not built in."""
    plugins = (configuration.scheduler and configuration.scheduler.plugins) or Plugins()
    filters = plugins.filter.enabled if plugins.filter else []
    scorers = [score.name for score in plugins.score.enabled] if plugins.score else []
    found = [f"filter plugin {name}" for name in filters]
    found += [f"score plugin {name}" for name in scorers if name not in BUILT_IN_SCORERS]
    if configuration.auth and configuration.auth.jwks_uri:
        found.append("JWT authentication (auth.jwksUri)")
    return tuple(found)
