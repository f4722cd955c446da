"""Several processes that make one set together: the ranks that `torchrun` starts.

`joined` connects the processes and gives each a `Ranks`. All ranks draw the same random numbers. Each computes its
share, and `Ranks.sum` adds the shares. Rank 0, the leader, writes and prints. If a rank ends, the lifeline ends all.
`ALONE` is the only rank of an ordinary run; its sums cost nothing.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.ranks.join import joined
    from ddkit.ranks.launch import Launch, launched, leads, several
    from ddkit.ranks.ranks import ALONE, Ranks

__all__ = ["joined", "Launch", "launched", "leads", "several", "ALONE", "Ranks"]
