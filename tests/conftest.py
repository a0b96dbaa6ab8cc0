"""How hypothesis looks for examples: always the same ones where a run decides about a change, new ones elsewhere."""

import os

from hypothesis import settings

# No deadline: a loaded machine is no failure.
settings.register_profile("decides", derandomize=True, deadline=None)
settings.register_profile("searches", deadline=None)
settings.load_profile("decides" if os.environ.get("CI") else "searches")
