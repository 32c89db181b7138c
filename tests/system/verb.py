"""verb.py -- a verb of ./dev that measures or compares: what a test is given, told to a person."""
# SPDX-License-Identifier: BSD-3-Clause
import signal
import sys

import harness


def interrupt(*_):
    raise KeyboardInterrupt


def run(name, bin_folder, work, remedy=""):
    """What `work(env)` returns, as the exit status; everything that it started is ended.

    3 it cannot run here, and the last line says why and the remedy, if there is one; 1 the run is
    broken, the last lines say how; 130 interrupted, by SIGTERM as well.
    """
    harness.adopt_orphans()
    signal.signal(signal.SIGTERM, interrupt)
    env = harness.Env(bin_folder, name)
    try:
        return work(env)
    except harness.Skipped as reason:
        print(f"{name}: cannot run here: {reason}{remedy}", file=sys.stderr)
        return 3
    except harness.Failed as failed:
        print(f"{env.logs()}\n{name}: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        env.close()
