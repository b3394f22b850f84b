"""The state that the published marts were built from, and the work that a run therefore has to do.

mark        the mark beside the lake's logs, one for each warehouse
project     the fingerprint of everything besides the streams that decides the marts' content; the business's day
holdings    the warehouse's own records: its ledger, and the run that published its marts
plan        the difference: nothing, a part, or everything
"""
