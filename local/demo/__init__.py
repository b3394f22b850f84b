"""`make demo`: the whole line on this machine, twice, with what it proves shown at the end.

command        the sequence
flow_process   the child that runs the Prefect flow, and flow_client, our end of its socket
messages       what the two say to each other
display        progress while a run is under way
answers        questions to the published marts
summary        the tables at the end
"""
