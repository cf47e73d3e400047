"""Where an attempt begins: at the newest checkpoint that proves to be whole."""

import logging
from pathlib import Path

from mlworker.engine.checkpoint import verify_checkpoint
from mlworker.engine.contracts import EngineError
from mlworker.jobs.contracts import Claim
from mlworker.jobs.models import StoredFiles
from mlworker.jobs.supervisor.bundles import BundleCorrupt, bundle_fetch
from mlworker.jobs.supervisor.persistence import persist
from mlworker.jobs.working import checkpoints_newest_first, stored_discard

logger = logging.getLogger(__name__)


def checkpoint_restore(claim: Claim, run_dir: Path) -> StoredFiles | None:
    """Put the newest whole checkpoint under the run folder and return its row, or None.

    One whose bytes are not what was stored is given up, and the one before it is tried.
    """
    for row in persist(lambda: checkpoints_newest_first(claim)):
        folder = restored_folder(run_dir, row)
        try:
            bundle_fetch(row.key, row.sha256, folder)
            verify_checkpoint(folder)
        except (BundleCorrupt, EngineError) as error:
            logger.warning("checkpoint.corrupt", extra={"key": row.key, "reason": str(error)})
            stored_id = row.id
            persist(lambda stored_id=stored_id: stored_discard(claim, stored_id))  # type: ignore[misc] # a bound default
            continue
        return row
    return None


def restored_folder(run_dir: Path, row: StoredFiles) -> Path:
    """Return where a checkpoint's files lie in a run folder."""
    return run_dir / "restored" / f"step-{row.step:08d}-{row.id.hex}"
