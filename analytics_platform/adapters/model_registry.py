"""The model registry: immutable model artefacts and which of them is current."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.mlflow_tracking import MlflowTracking
from analytics_platform.adapters.model_files import MANIFEST, StoredModel, read_model
from analytics_platform.contracts.records import LedgerEntry, ModelManifest, Release
from analytics_platform.errors import Conflict, InvalidUsage, NotFound
from analytics_platform.settings import Settings

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True)
class ModelRegistry:
    """Versions under `models/<name>`; what is current is a row of releases.

    MLflow's aliases `champion` and `challenger` only repeat those rows.
    """

    settings: Settings
    artifacts: ArtifactStore
    store: ControlStore

    @property
    def tracking(self) -> MlflowTracking:
        """MLflow's runs and registered versions."""
        return MlflowTracking(self.settings)

    def versions(self, name: str) -> list[str]:
        """Every published version of a model, oldest history first."""
        return self.artifacts.list(_prefix(name))

    def model(self, name: str, version: str) -> StoredModel:
        """A published model, its files checked.

        Raises:
            NotFound: there is no such model or version.
            DamagedRecord: a file is not what was published.
        """
        if not self.artifacts.has(_prefix(name), version):
            known = ", ".join(self.versions(name)) or "none"
            raise NotFound(
                f"There is no version {version!r} of model {name!r} (known: {known}).",
                hint="See `analytics models list`.",
            )
        return read_model(self.artifacts.local_path(_prefix(name), version))

    def manifest(self, name: str, version: str) -> ModelManifest:
        """A published version's manifest alone.

        Raises:
            NotFound: there is no such model or version.
        """
        path = f"{_prefix(name)}/{version}/{MANIFEST}"
        return ModelManifest.model_validate_json(self.artifacts.read_bytes(path))

    def publish(self, folder: Path, manifest: ModelManifest) -> ModelManifest:
        """Make the folder a version, once: equal data and code give equal versions.

        Gives the manifest that counts, that of the first run to publish the version.
        """
        if not self.artifacts.has(_prefix(manifest.name), manifest.version):
            with suppress(Conflict):  # another run published the same model just now
                self.artifacts.publish(_prefix(manifest.name), manifest.version, folder)
        return self.model(manifest.name, manifest.version).manifest

    def champion(self, name: str) -> Release | None:
        """The released version, or None before the first release."""
        return self.store.releases.current(champion_subject(name))

    def challenger(self, name: str) -> Release | None:
        """The version trained last, or None before the first training."""
        return self.store.releases.current(challenger_subject(name))

    def nominate(self, manifest: ModelManifest, note: Note) -> None:
        """Make a version the challenger; trained once more, only the ledger grows."""
        subject = challenger_subject(manifest.name)
        before = self.challenger(manifest.name)
        if before and before.version == manifest.version:
            self.store.ledger.append(subject, note)
        else:
            expected = before.version if before else None
            self.store.releases.move(
                subject, manifest.version, expected=expected, note=note
            )
        self.project(manifest.name)

    def release(
        self, name: str, version: str, *, expected: str | None, note: Note
    ) -> None:
        """Make a version the champion if `expected` still is.

        Raises:
            Conflict: another version became champion in the meantime.
            NotFound: there is no such version.
        """
        self.model(name, version)
        self.store.releases.move(
            champion_subject(name), version, expected=expected, note=note
        )
        self.project(name)

    def promote(self, name: str, version: str, note: Note) -> Release:
        """Release a version by hand, past the gate.

        Raises:
            InvalidUsage: it is released already.
            Conflict, NotFound: as `release`.
        """
        current = self.champion(name)
        if current and current.version == version:
            raise InvalidUsage(
                f"Version {version} of {name!r} is the champion already.",
                hint="See `analytics models list`.",
            )
        expected = current.version if current else None
        self.release(name, version, expected=expected, note=note)
        return self._current(name)

    def rollback(self, name: str, note: Note) -> Release:
        """Release the version before the champion again.

        Rolled back twice, it goes back two releases and does not return to the first.

        Raises:
            NotFound: nothing was released before the champion.
            Conflict: another version became champion in the meantime.
        """
        versions = [
            one.version for one in self.store.releases.history(champion_subject(name))
        ]
        place = versions.index(versions[-1]) if versions else 0
        if place == 0:
            raise NotFound(
                f"The model {name!r} has no earlier release to go back to.",
                hint="See `analytics models history " + name + "`.",
            )
        target = versions[place - 1]
        self.release(name, target, expected=versions[-1], note=note)
        return self._current(name)

    def history(self, name: str) -> list[LedgerEntry]:
        """Everything the ledger says of a model, oldest first."""
        entries = [
            entry
            for subject in (champion_subject(name), challenger_subject(name))
            for entry in self.store.ledger.entries(subject)
        ]
        return sorted(entries, key=lambda entry: entry.sequence)

    def names(self) -> list[str]:
        """Every model that was ever trained, sorted."""
        prefix = challenger_subject("")
        subjects = self.store.releases.subjects()
        return [one.removeprefix(prefix) for one in subjects if one.startswith(prefix)]

    def data_in_use(self) -> set[str]:
        """Hashes of the training sets of every champion and every challenger."""
        return {
            self.manifest(name, release.version).data_sha256
            for name in self.names()
            for release in (self.champion(name), self.challenger(name))
            if release
        }

    def project(self, name: str) -> list[str]:
        """Let MLflow's aliases repeat the releases; gives what had to be changed."""
        mended = []
        wanted = ((CHALLENGER, self.challenger(name)), (CHAMPION, self.champion(name)))
        for alias, release in wanted:
            version = release.version if release else None
            found = self.tracking.alias(name, alias)
            if found == version:
                continue
            if version is None:
                self.tracking.drop_alias(name, alias)
            else:
                self.tracking.set_alias(self.model(name, version).manifest, alias)
            mended.append(f"{name}: {alias} was {found}, is {version}")
        return mended

    def repair(self) -> list[str]:
        """Mend every alias that differs from its release; gives what was changed."""
        return [line for name in self.names() for line in self.project(name)]

    def _current(self, name: str) -> Release:
        current = self.champion(name)
        if current is None:
            raise NotFound(
                f"The model {name!r} has no release.", hint="Train it first."
            )
        return current


def champion_subject(name: str) -> str:
    """The releases row that says which version of a model is current."""
    return f"model/{name}"


def challenger_subject(name: str) -> str:
    """The releases row that says which version of a model was trained last."""
    return f"challenger/{name}"


def _prefix(name: str) -> str:
    return f"models/{name}"
