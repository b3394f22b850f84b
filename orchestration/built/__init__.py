"""What the published marts were built from, and hence what a run has to build.

mark        the mark beside the lake's logs, one for each warehouse
project     the fingerprint of all that decides, besides the streams, what the marts hold; the business's day
holdings    what the warehouse says of itself: its ledger, and whose publication it has
plan        the difference: nothing, a part, or everything
"""
