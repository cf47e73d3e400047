"""Where an attempt begins: at the newest checkpoint that proves to be whole."""

import logging
from functools import partial
from pathlib import Path

from mlworker.engine.checkpoint import verify_checkpoint
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.jobs.continuing import Parent
from mlworker.jobs.contracts import Claim
from mlworker.jobs.models import StoredFiles
from mlworker.jobs.supervisor.bundles import BundleCorrupt, bundle_fetch
from mlworker.jobs.supervisor.persistence import persist
from mlworker.jobs.supervisor.workspace import INITIAL
from mlworker.jobs.working import checkpoints_newest_first, stored_discard
from mlworker.registry.artifacts import artifact_fetch
from mlworker.registry.errors import ArtifactCorrupt

logger = logging.getLogger(__name__)


def checkpoint_restore(claim: Claim, run_dir: Path) -> StoredFiles | None:
    """Put the newest whole checkpoint under the run folder and return its row, or None.

    One whose bytes are not what was stored is given up, and the one before it is tried.
    """
    for row in persist(lambda: checkpoints_newest_first(claim)):
        folder = restored_folder(run_dir, row)
        try:
            persist(partial(bundle_fetch, row.key, row.sha256, folder))
            verify_checkpoint(folder)
        except (BundleCorrupt, EngineError) as error:
            logger.warning("checkpoint.corrupt", extra={"key": row.key, "reason": str(error)})
            persist(partial(stored_discard, claim, row.id))
            continue
        return row
    return None


def parent_fetch(parent: Parent, run_dir: Path) -> None:
    """Put the weights a run begins with under its folder. EngineError when they are not whole."""
    folder = run_dir / INITIAL
    try:
        if parent.is_checkpoint:
            persist(partial(bundle_fetch, parent.key, parent.sha256, folder))
        else:
            artifacts = run_dir / "artifacts"
            found = persist(
                lambda: artifact_fetch(key=parent.key, sha256=parent.sha256, directory=artifacts)
            )
            found.rename(folder)
    except (BundleCorrupt, ArtifactCorrupt, FileNotFoundError) as error:
        raise EngineError(
            ErrorCode.ARTIFACT_CORRUPT,
            f"The stored weights of {parent.reference} are missing or damaged: "
            "train without continue_from.",
        ) from error


def restored_folder(run_dir: Path, row: StoredFiles) -> Path:
    """Return where a checkpoint's files lie in a run folder."""
    return run_dir / "restored" / f"step-{row.step:08d}-{row.id.hex}"
