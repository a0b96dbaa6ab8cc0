"""How hypothesis looks for examples: always the same ones where a run decides about a change, new ones elsewhere.

And what is collected: the tests with virtual machines take minutes and packages of their own, so only
`make test-vm` runs them.
"""

import os

from hypothesis import settings

# No deadline: a loaded machine is no failure.
settings.register_profile("decides", derandomize=True, deadline=None)
settings.register_profile("searches", deadline=None)
settings.load_profile("decides" if os.environ.get("CI") else "searches")

collect_ignore = [] if os.environ.get("RECONCILER_VM") else ["vm"]
