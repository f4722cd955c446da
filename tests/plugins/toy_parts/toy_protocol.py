"""A third party's protocol: three epochs, judged after the last one."""

from ddkit.evaluation import PaperProtocol

SHORT = PaperProtocol(name="toy", epochs=3, of_snapshots=False, authors_nets=2)
