"""`make demo`: runs the whole pipeline on this machine, twice, and shows the results at the end.

command        the sequence
flow_process   the child that runs the Prefect flow, and flow_client, our end of its socket
messages       the messages between these two processes
display        progress while a run is under way
answers        questions to the published marts
summary        the tables at the end
"""
