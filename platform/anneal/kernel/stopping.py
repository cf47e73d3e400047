"""Whether this process stops: what would go on for ever ends, what is under way may finish."""

import threading
from typing import Final

stopping: Final = threading.Event()
"""Set once the process was told to stop."""
