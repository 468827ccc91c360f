"""`make bench`: what Watchkeeper costs and how fast it answers, measured on the local control plane and simulator.

Counts of requests are exact. Seconds and megabytes are those of this machine at this moment: only ratios to the bare
operator, measured in the same run, say anything elsewhere.
"""
