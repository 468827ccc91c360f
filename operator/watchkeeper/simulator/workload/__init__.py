"""What clients do to the cluster and how it feels to them: load, queues, latency, slow scores, growth.

Every assumption is written down, with its source, in docs/simulator-model.md.
"""
